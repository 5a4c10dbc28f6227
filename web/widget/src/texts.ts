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

  statusBot: "自动助手在线，随时可转人工",
  statusQueue: "正在为您转接人工",
  statusAgent: "人工客服正在为您服务",
  statusOffline: "网络已断开",

  greeting: "您好，我是随星客服的自动助手。还款、账单、申请、投诉都可以直接问我；想找真人，点右上角“转人工”就行。",
  safety: "我不会向您要密码；验证码只填在验证框里，不要发给任何人。",
  startersLabel: "大家常问",
  starters: ["申请失败了怎么办", "怎么提前还款", "一次还清怎么操作", "怎么预约还款", "为什么要查征信"],

  loading: "正在读取聊天记录…",
  earlier: "查看更早的消息",
  newMessages: "有新消息",
  typing: "正在输入",

  bannerQueue: (position: number | null): string =>
    position === null ? "正在排队等人工客服，您可以继续留言。" : `正在排队等人工客服，当前第${position}位，您可以继续留言。`,
  leaveQueue: "不排了",
  bannerAgent: "人工客服正在和您对话，自动助手已暂停。",
  bannerOffline: "网络已断开，正在重新连接。您发的消息会保存，联网后自动发出。",
  bannerTroubled: "连接不太稳定，正在重试。您的消息不会丢。",
  bannerExpired: "登录已过期，请重新登录后继续。",
  bannerRenewed: "上一段对话已结束，已为您开始新的对话。",
  login: "去登录",

  composerLabel: "输入消息",
  composerHint: "Enter 发送，Shift+Enter 换行",
  placeholder: "请输入您的问题",
  send: "发送",
  tooLong: (over: number): string => `超出${over}个字，请删减后再发`,

  queued: "等待发送",
  sending: "发送中",
  failed: "没有发出去",
  failedTooLong: "内容太长，没有发出去",
  retry: "重新发送",
  discard: "删除",

  unknownCard: "这张卡片暂时无法显示，请以文字内容为准。",
  codeLabel: "短信验证码（6位数字）",
  codeSend: "提交验证码",
  codeHelp: "验证码由系统核对，请不要告诉任何人。",
  codeUsed: "验证已结束，这个输入框不再使用。",
  loginCard: "登录后才能查看您本人的账户资料。",
} as const;

/** The server's codes as borrowers read them. A code that is not listed is shown as it came. */
const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  product: { KD: "随星借快贷", YD: "随星借优贷", XW: "随星借小微贷", FQ: "小米分期" },
  component: { penalty: "逾期费用", interest: "利息", fee: "手续费", principal: "本金" },
  payment: { created: "已发起", processing: "还款中", settled: "已入账", failed: "未成功", returned: "银行已退回" },
  paymentAdvice: {
    wait: "还在处理，请先不要再付一次。",
    stuck_do_not_pay_again: "处理时间超出正常，需要人工核对。请不要再付一次。",
    done: "钱已入账，不用再付。",
    done_with_refund: "钱已入账，多付的部分会退回。",
    taken_twice: "这一笔是重复扣的，会退给您。",
    taken_posts_on_due_date: "钱已扣走，到还款日会记到账单上，不用再付。",
    failed_check_card: "没有扣成，钱没有离开您的账户。请检查银行卡余额和状态。",
    failed_our_fault: "因我们系统的原因没有成功，钱没有离开您的账户。",
    returned_pay_again: "银行把钱退回来了，需要重新还一次。",
  },
  schedule: { created: "预约成功", refused: "未能预约", cancelled: "预约已取消" },
  scheduleReason: {
    too_early: "还没到可以预约的日期。",
    overdue: "这一期已经逾期，请直接还款。",
    already_scheduled: "这一期已经预约过了。",
    payment_processing: "有一笔还款正在处理，请先等结果。",
    settled: "这份合同已经还清。",
  },
  cause: { system: "系统原因", borrower: "本人原因" },
  caseKind: { complaint: "投诉", dispute: "费用异议", fraud_report: "反诈核实", credit_correction: "征信更正" },
  caseStatus: {
    received: "已受理",
    acknowledged: "已受理",
    investigating: "核查中",
    waiting_for_borrower: "等您补充",
    proposed: "方案待审批",
    decided: "已有结论",
    remedied: "已退减",
    closed: "已结束",
    withdrawn: "已撤回",
    reopened: "重新核查",
  },
  remedy: { granted: "已退减", proposed: "已提交审批", approved: "审批通过", rejected: "未通过" },
  officialKind: { phone: "电话号码", sms_sender: "短信号码", bank_account: "收款账户", url: "网址", person: "人员" },
};

export function label(group: string, code: string): string {
  return LABELS[group]?.[code] ?? code;
}
