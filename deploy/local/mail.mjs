// A mail server with a web inbox: `node mail.mjs MODULES FOLDER SMTP_PORT WEB_PORT`.
// Two refusals can be seen: mailboxes that begin with "refused" do not exist, and the password "wrong" is wrong.
import { pathToFileURL } from 'node:url'

const [modules, folder, smtpPort, webPort] = process.argv.slice(2)
const { MailDev } = await import(pathToFileURL(`${modules}/maildev/dist/index.js`).href)

const mail = new MailDev({
  smtp: Number(smtpPort),
  web: Number(webPort),
  ip: '127.0.0.1',
  webIp: '127.0.0.1',
  mailDirectory: folder,
})
const { smtp } = await mail.start()
Object.assign(smtp.smtp.options, {
  disabledCommands: ['STARTTLS'],
  authOptional: true,
  disableReverseLookup: true, // it would take longer than the rest of a delivery
})
smtp.smtp.onAuth = (login, session, answer) =>
  login.password === 'wrong' ? answer(refusal(535, '5.7.8 wrong password')) : answer(null, { user: login.username })
smtp.smtp.onRcptTo = ({ address }, session, answer) =>
  answer(address.toLowerCase().startsWith('refused') ? refusal(550, '5.1.1 no such mailbox') : null)

process.on('SIGTERM', async () => {
  await mail.stop()
  process.exit(0)
})

function refusal(responseCode, text) {
  return Object.assign(new Error(text), { responseCode })
}
