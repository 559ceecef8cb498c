// The studio's owner: what is stuck, the guide and its texts, the tools that are told, the journal.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { signedIn } from './admin.mjs'
import { look, person } from './browser.mjs'
import { click, clickForFile, heading, links, signUp } from './funnel.mjs'
import { at, guide, leadmagnet, mail, sql } from './stack.mjs'

const GUIDE = '/admin/guides/guide-mariee-sereine'

test('sending goes on after a pause, and mails that were given up go out again, by one button', async () => {
  const visitor = await person()
  await signUp(visitor)
  await mail(visitor.email)
  await visitor.leave()
  sql(`UPDATE lm_outbox o SET state = 'dead', sent_at = NULL, attempts = 8, reason = 'MessageRejected', sentence = 'Email address is not verified.'
    FROM lm_subscribers s WHERE s.id = o.subscriber_id AND email = %s`, visitor.email)

  const { page, leave } = await signedIn()
  leadmagnet('mails', 'pause')
  await page.getByRole('link', { name: 'E‑mails' }).click()
  await page.getByText('L’envoi est arrêté').waitFor()
  await look(page, 'admin-mails-held')
  await click(page, 'Reprendre l’envoi')
  await page.getByText('L’envoi reprend').waitFor()
  await page.getByText('L’envoi est arrêté').waitFor({ state: 'hidden' })
  await page.getByText('Amazon SES refuse cet e‑mail').waitFor()
  await page.getByText('Voir l’e‑mail').click()
  await page.getByText('après 8 essais').waitFor()
  await look(page, 'admin-mails')
  await click(page, 'Relancer l’e‑mail en échec')
  await page.getByText('1 e‑mail repart').waitFor()
  await mail(visitor.email, { count: 2 })
  await page.getByText('Rien n’est bloqué').waitFor()
  await look(page, 'admin-mails-none')
  await leave()
})

test('the owner replaces the PDF: one that is none is refused, the former can come back', async () => {
  const { page, leave } = await signedIn()
  await page.getByRole('link', { name: 'Guides' }).click()
  await page.getByRole('link', { name: 'Guide de la Mariée Sereine' }).waitFor()
  await look(page, 'admin-guides')
  await page.getByRole('link', { name: 'Guide de la Mariée Sereine' }).click()
  const send = async (buffer) => {
    await page.getByLabel('Le remplacer par').setInputFiles({ name: 'guide.pdf', mimeType: 'application/pdf', buffer })
    await page.getByRole('button', { name: 'Envoyer et remplacer' }).click()
  }
  await send(Buffer.from('<html>'))
  await page.getByRole('alert').getByText('PDF').waitFor()
  await look(page, 'admin-guide-refused')
  const other = Buffer.concat([guide, Buffer.from('% another edition\n%%EOF\n')])
  await send(other)
  await page.getByText('Le nouveau fichier est en ligne').waitFor()
  await page.getByText('1 ancien fichier').click()
  await look(page, 'admin-guide')

  const visitor = await person()
  await signUp(visitor)
  await visitor.page.goto((await links(visitor.email)).confirm)
  assert.deepEqual(await clickForFile(visitor.page, 'Confirmer et recevoir le guide'), other)
  await visitor.leave()

  await click(page, 'Utiliser de nouveau')
  await page.getByText('Ce fichier est de nouveau en ligne').waitFor()
  await leave()
})

test('a change that another has overtaken is told, and nothing is lost', async () => {
  const { page, leave } = await signedIn()
  await page.goto(GUIDE)
  await click(page, 'Modifier')
  await page.getByLabel('Titre en français').fill('Guide de la Mariée Pressée')
  sql(`UPDATE lm_magnets SET version = version + 1`)
  await click(page, 'Enregistrer')
  await page.getByText('Quelqu’un d’autre vient de modifier').waitFor()
  await look(page, 'admin-guide-overtaken')
  await click(page, 'Voir ce qui a changé')
  await heading(page, 'Guide de la Mariée Sereine')
  await leave()
})

test('the owner corrects a consent text: visitors see the new one, the former stays as proof', async () => {
  const { page, leave } = await signedIn()
  await page.goto(GUIDE)
  await page.getByRole('button', { name: 'Nouvelle version' }).first().click()
  const words = 'J’accepte de recevoir ce guide par e-mail.'
  await page.getByLabel('Texte', { exact: true }).fill(words)
  await look(page, 'admin-text')
  await click(page, 'Afficher cette version')
  await page.getByText('La nouvelle version est affichée').waitFor()
  await page.getByText('1 ancienne version').click()
  await page.getByText('Mon adresse ne sert qu’à cela').waitFor()
  await page.goto('/')
  await page.getByText(words).waitFor()
  await leave()
})

test('the owner makes a guide and its text, and retires both', async () => {
  const { page, leave } = await signedIn()
  await page.goto('/admin/guides')
  await click(page, 'Nouveau guide')
  await page.getByLabel('Titre en français').fill('Guide des témoins')
  await page.getByLabel('Titre en anglais').fill('Guide for the witnesses')
  await page.getByLabel('Description en français').fill('Le discours, les alliances, la soirée.')
  await page.getByLabel('Description en anglais').fill('The speech, the rings, the night.')
  await click(page, 'Créer')
  await heading(page, 'Guide des témoins')
  await look(page, 'admin-guide-new')
  await page.getByRole('button', { name: 'Écrire ce texte' }).first().click()
  await page.getByLabel('Texte', { exact: true }).fill('J’accepte de recevoir ce guide.')
  await page.getByLabel('Version de la politique').fill('2026-11')
  await page.getByLabel('Adresse de la politique').fill('https://studio.example/confidentialite')
  await click(page, 'Afficher cette version')
  await page.getByText('La nouvelle version est affichée').waitFor()
  await click(page, 'Ne plus afficher')
  await page.getByRole('dialog').getByText('personne ne peut plus demander le guide').waitFor()
  await click(page, 'Ne plus l’afficher')
  await page.getByText('Ce texte n’est plus affiché').waitFor()
  await click(page, 'Ne plus proposer')
  await page.getByRole('dialog').getByText('Il quitte votre site').waitFor()
  await look(page, 'admin-guide-retire')
  await click(page, 'Ne plus le proposer')
  await page.getByText('Ce guide n’est plus proposé. Les liens').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Modifier' }).count(), 0)
  await leave()
})

test('a tool is told: its secret is shown once, and signs what it receives', async () => {
  const heard = []
  const tool = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    heard.push({ body, headers: request.headers })
    response.end()
  }).listen(new URL(at.tool).port, '127.0.0.1').unref()
  await once(tool, 'listening')

  const { page, leave } = await signedIn()
  // Another test has left a tool.
  await page.route('**/webhooks', route => route.fulfill({ json: { items: [] } }))
  await page.getByRole('link', { name: 'Outils reliés' }).click()
  await page.getByText('Aucun outil n’est relié').waitFor()
  await look(page, 'admin-tools-none')
  await page.unroute('**/webhooks')
  await click(page, 'Relier un outil')
  await page.getByLabel('Nom').fill('Mon CRM')
  await page.getByLabel('Adresse (URL)').fill('http://10.0.0.1/')
  await page.getByLabel('Lui donner aussi les adresses').check()
  await page.getByText('Les adresses quittent votre site').waitFor()
  await click(page, 'Relier')
  await page.getByText('Donnez une adresse publique').waitFor()
  await look(page, 'admin-tool-new')
  await page.getByLabel('Lui donner aussi les adresses').uncheck()
  await page.getByLabel('Adresse (URL)').fill(`${at.tool}/hook`)
  await click(page, 'Relier')
  const secret = await page.getByRole('textbox', { name: 'Secret' }).inputValue()
  assert.match(secret, /^whsec_/)
  await look(page, 'admin-tool-secret')
  await click(page, 'C’est fait, fermer')
  await page.reload()
  await page.getByRole('heading', { name: 'mon-crm' }).waitFor()
  assert.ok(!(await page.content()).includes(secret))

  const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'mon-crm' }) })
  await click(card, 'Envoyer un essai')
  await page.getByRole('listitem').filter({ hasText: 'Essai → mon-crm' }).getByText('Reçu').waitFor()
  const { body, headers } = heard[0]
  const signed = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
    .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')
  assert.equal(headers['webhook-signature'], `v1,${signed}`)
  const [[id]] = sql(`SELECT id FROM lm_subscribers WHERE status = 'confirmed' LIMIT 1`)
  assert.deepEqual(await page.evaluate(async (person) => {
    const call = async (path, method, body) => (await fetch(`/api/admin/lead-magnet/subscribers/${path}`, {
      method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
    })).ok
    return [await call(`${person}/unsubscribe`, 'POST', {}), await call(person, 'DELETE', { reason: 'test' })]
  }, id), [true, true])
  await page.reload()
  await page.getByRole('listitem').filter({ hasText: `Contact ${id.slice(0, 8)}` }).getByText('Reçu').waitFor()
  await look(page, 'admin-tools')

  await click(card, 'Nouveau secret')
  await page.getByRole('dialog').getByText('un jour encore').waitFor()
  await click(page, 'Faire un nouveau secret')
  assert.notEqual(await page.getByRole('textbox', { name: 'Secret' }).inputValue(), secret)
  await click(page, 'C’est fait, fermer')
  await click(card, 'Désactiver')
  await click(page.getByRole('dialog'), 'Désactiver')
  await card.getByText('à votre demande').waitFor()
  await leave()
  tool.close()
})

test('the journal tells in sentences who did what', async () => {
  const { page, leave } = await signedIn()
  await page.getByRole('link', { name: 'Journal' }).click()
  for (const words of [
    'La clé «\u00a0e2e-owner\u00a0» a relancé 1 e‑mail', 'a relié l’outil «\u00a0mon-crm\u00a0»',
    'a mis en ligne un fichier pour «\u00a0Guide de la Mariée Sereine\u00a0»', 'a modifié un texte de consentement de «\u00a0Guide de la Mariée Sereine\u00a0»', 'a effacé un contact (à sa demande)',
  ]) await page.getByRole('listitem').filter({ hasText: words }).first().waitFor()
  await look(page, 'admin-journal')
  await page.getByRole('link', { name: /^fiche / }).first().click()
  await page.getByRole('link', { name: 'au journal' }).click()
  await page.getByText('Ce qui concerne un seul contact').waitFor()
  await page.getByText('a consulté la fiche d’un contact').first().waitFor()
  assert.equal(await page.getByText('a relié l’outil').count(), 0)
  await leave()
})
