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
    proposed: "方案复核中",
    decided: "已有结论",
    remedied: "已退减",
    closed: "已结束",
    withdrawn: "已撤回",
    reopened: "重新核查",
  },
  caseEvent: {
    received: "收到您反映的事",
    acknowledged: "已受理",
    investigating: "开始核查",
    asked_borrower: "请您补充情况",
    fact_added: "您补充了情况",
    merged: "您又提到同一件事，已并在一起",
    note: "客服留言",
    extended: "延长答复期限",
    proposed: "提出处理方案，等待核对",
    approved: "方案核对通过",
    decided: "有了结果",
    remedied: "已处理",
    closed: "已办结",
    withdrawn: "已按您的意思撤回",
    reopened: "重新处理",
  },
  facts: {
    case_over: "这个案件已经结束，不能再补充。还有问题，请在对话里告诉我们。",
    case_not_found: "没有找到这个案件。",
    too_many_requests: "操作太快了，请稍等再试。",
    invalid_request: "内容太长，请分几次提交。",
    failed: "没有提交成功，请检查网络后重试。您写的内容还在。",
  },
  remedy: { granted: "已退减", proposed: "已提交审批", approved: "审批通过", rejected: "未通过" },
  upload: {
    attachment_empty: "这个文件是空的，请换一个。",
    attachment_type_not_allowed: "只能上传 JPG、PNG、WebP 图片或 PDF。手机截图一般都可以。",
    attachment_unreadable: "这个文件打不开，可能已损坏，请换一个。",
    attachment_unsafe: "这个 PDF 带有脚本、附件或密码，为了安全不能接收。可以截图后上传。",
    picture_too_large: "图片像素太大，请截图或压缩后再上传。",
    payload_too_large: "文件超过 10 MB，请压缩后再上传。",
    attachment_too_large: "文件超过 10 MB，请压缩后再上传。",
    too_many_attachments: "上传的文件太多了，请联系人工客服处理。",
    case_not_found: "没有找到对应的案件。",
    too_many_requests: "操作太快了，请稍等再试。",
    failed: "没有上传成功，请检查网络后重试。",
  },
  officialKind: { phone: "电话号码", sms_sender: "短信号码", bank_account: "收款账户", url: "网址", person: "人员" },
};

/** Why something was not taken; a code that is not listed reads as a passing failure. */
export function refusal(group: "upload" | "facts", code: string | null): string {
  return LABELS[group]?.[code ?? "failed"] ?? LABELS[group]?.["failed"] ?? "";
}

export function label(group: string, code: string): string {
  return LABELS[group]?.[code] ?? code;
}
