// A mail server with a web inbox: `node mail.mjs MODULES FOLDER SMTP_PORT WEB_PORT`.
// Mailboxes that begin with "refused" do not exist here, so that a refusal can be seen.
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
smtp.smtp.options.disableReverseLookup = true // it would take longer than the rest of a delivery
smtp.smtp.onRcptTo = (address, session, answer) => {
  if (!address.address.startsWith('refused')) return answer()
  const refusal = new Error('5.1.1 no such mailbox')
  refusal.responseCode = 550
  answer(refusal)
}
process.on('SIGTERM', async () => {
  await mail.stop()
  process.exit(0)
})
