/** Every word that the widget itself says. What the bot says comes from the server. */

export const TEXTS = {
  title: "随星客服",
  open: "打开随星客服",
  unread: (count: number): string => `${count}条新消息`,
  close: "关闭聊天窗口",
  human: "转人工",
  humanMessage: "转人工",
  humanQueued: "排队中",
  humanHere: "人工中",

  botName: "随星助手 · 自动回复",
  agentName: "人工客服",
  systemName: "系统消息",
  youSaid: "您说：",

  statusBot: "自动助手在线",
  statusQueue: "正在转接人工",
  statusAgent: "人工客服在线",
  statusOffline: "网络已断开",

  greeting: "您好，我是随星客服的自动助手。还款、账单、申请、投诉都可以直接问我；想找真人，点右上角“转人工”就行。",
  safety: "我不会向您要密码；验证码只填在验证框里，不要发给任何人。",
  startersLabel: "大家常问",
  starters: ["申请失败了怎么办", "怎么提前还款", "一次还清怎么操作", "怎么预约还款", "为什么要查征信"],

  log: "聊天记录",
  loading: "正在读取聊天记录…",
  earlier: "查看更早的消息",
  earlierFailed: "更早的消息没有读到，再试一次",
  earlierShown: (count: number): string => `上面多了${count}条更早的消息`,
  newMessages: "有新消息",
  typing: "正在输入",

  bannerQueue: (position: number | null): string =>
    position === null ? "正在排队等人工客服，您可以继续留言。" : `正在排队等人工客服，当前第${position}位，您可以继续留言。`,
  leaveQueue: "不排了",
  bannerAgent: "人工客服正在和您对话，自动助手已暂停。",
  bannerOffline: "网络已断开，正在重新连接。您发的消息会保存，联网后自动发出。",
  bannerBack: "网络已恢复。",
  bannerTroubled: "连接不太稳定，正在重试。您的消息不会丢。",
  bannerExpired: "登录已过期，请重新登录后继续。",
  bannerRenewed: "上一段对话已结束，已为您开始新的对话。",
  login: "去登录",

  composerLabel: "输入消息",
  composerHint: "Enter 发送，Shift+Enter 换行",
  placeholder: "请输入您的问题",
  send: "发送",
  tooLong: (over: number): string => `超出${over}个字，请删减后再发`,

  delivered: "已送达",
  read: "客服已读",
  queued: "等待发送",
  held: "等上一条发出或删除后再发",
  sending: "发送中",
  failed: "没有发出去",
  failedTooLong: "内容太长，没有发出去",
  retry: "重新发送",
  discard: "删除",

  ratingTitle: "服务评价",
  ratingAsk: "这次人工服务怎么样？",
  stars: (score: number): string => `${score}星`,
  ratingComment: "想对我们说的话（可不填）",
  ratingSend: "提交评价",
  ratingThanks: (score: number): string => `谢谢您的评价（${score}星）。我们会看每一条。`,
  ratingFailed: "评价没有提交成功，请再试一次。",

  attach: "上传图片或PDF",
  file: (kind: string, size: string): string => `${kind} · ${size}`,
  image: "图片",
  pdf: "PDF文件",
  openFile: "查看",
  saveFile: "下载",
  fileNotLoaded: "文件没有取到，请再试一次。",
  uploading: (share: number): string => `上传中 ${Math.floor(share * 100)}%`,
  cancel: "取消",
  soundOn: "打开提示音",
  soundOff: "关闭提示音",

  unknownCard: "这张卡片暂时无法显示，请以文字内容为准。",
  codeLabel: "短信验证码（6位数字）",
  codeSend: "提交验证码",
  codeHelp: "验证码由系统核对，请不要告诉任何人。",
  codeUsed: "验证已结束，这个输入框不再使用。",
  loginCard: "登录后才能查看您本人的账户资料。",

  tabs: "客服内容",
  chatTab: "对话",
  casesTab: "我的案件",
  newInChat: (count: number): string => `对话里有${count}条新消息`,
  casesLoading: "正在读取您的案件…",
  caseLoading: "正在读取这件事的进展…",
  casesFailed: "没有读到，可能是网络不稳定。",
  casesAgain: "再试一次",
  casesNone: "您现在没有案件。有问题直接在对话里说，需要立案时我们会给您编号和答复的日子。",
  casesToChat: "去对话",
  casesBack: "返回列表",
  caseOpen: "查看进展",
  caseNext: "接下来",
  next: (status: string, update: string | null, decision: string | null): string => {
    const result = decision === null ? "有结果马上告诉您。" : `最晚${decision}给您结果。`;
    if (status === "waiting_for_borrower") return `想请您补充一些情况，方便时写一下就行；不方便也没关系，${result}`;
    if (status === "proposed") return `处理方案已经提出，正在请另一位同事核对，${result}`;
    return update === null ? `我们正在查，${result}` : `我们正在查，${update}前告诉您进展，${result}`;
  },
  nextLate: "我们没有按答应的日子给您结果，对不起。已经交给主管优先处理，有进展马上告诉您。",
  nextOver: (status: string, appealUntil: string | null): string => {
    if (status === "withdrawn") return "已按您的意思撤回，不再处理。以后还想反映，随时可以再来。";
    const done = { decided: "已经有结果了。", remedied: "已经处理好了。" }[status] ?? "已经办结。";
    return done + (appealUntil === null ? "还有问题，随时在对话里告诉我们。" : `不同意的话，${appealUntil}前可以申诉。`);
  },
  caseAppeal: "我要申诉",
  caseHistory: "处理经过",
  caseFiles: "材料",
  caseNoFiles: "还没有上传材料。我们已有的材料不用再交。",
  caseFileFrom: (mine: boolean, on: string): string => `${mine ? "您" : "客服"} · ${on}`,
  caseWithFile: "附有文件，见下面的材料。",
  caseAdd: "补充情况",
  caseAddHint: "新的情况会重新计算答复期限。",
  caseAddSend: "提交补充",
  caseAdded: "收到了，已经记进这个案件。",
  caseOver: "这个案件已经结束。还有问题，请在对话里告诉我们。",
  decisionFacts: "查到的事实",
  decisionReasons: "理由",
  decisionRemedy: "处理",
} as const;
