// What a person may ask about her own data.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { click, clickForFile, heading, helped, links, signUp, status } from './funnel.mjs'
import { mail, mails, sql } from './stack.mjs'

/** The link to her data, asked for on the page. */
async function link({ page, email }, { count = 2 } = {}) {
  await page.goto('/lead-magnet/mes-donnees?lang=fr')
  await page.getByLabel('Votre adresse e-mail').fill(email)
  await click(page, 'Recevoir le lien')
  await heading(page, 'Regardez votre boîte mail')
  const { text } = await mail(email, { count })
  return text.match(/\S+\/lead-magnet\/mes-donnees\?\S+token=\S+/)[0]
}

test('a copy of everything, as a file', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  await page.goto((await links(ada.email)).confirm)
  await clickForFile(page, 'Confirmer et recevoir le guide')

  await page.goto('/lead-magnet/mes-donnees?lang=fr')
  await look(page, 'data-ask')
  await click(page, 'Recevoir le lien')
  await page.getByText('Cette adresse e-mail n’est pas valable').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.id), 'email')
  await look(page, 'data-ask-error')

  const url = await link(ada)
  await page.getByText(ada.email).waitFor()
  await helped(page)
  await look(page, 'data-asked')
  await click(page, 'Ce n’est pas la bonne adresse')
  assert.equal(await page.getByLabel('Votre adresse e-mail').inputValue(), ada.email)
  sql(`INSERT INTO lm_webhook_endpoints (name, url, kinds, disabled_at, disabled_why)
    VALUES ('advice-tool', 'https://tool.example/', '{subscriber.confirmed}', now(), 'operator')`)
  sql(`INSERT INTO lm_webhook_recipients (subscriber_id, endpoint_id, address)
    SELECT s.id, e.id, true FROM lm_subscribers s, lm_webhook_endpoints e
    WHERE s.email = %s AND e.name = 'advice-tool'`, ada.email)
  await page.goto(url)
  await page.getByRole('heading', { name: 'En garder une copie' }).waitFor()
  assert.equal(shown(page), '/lead-magnet/mes-donnees?lang=fr')
  await page.getByText(/Ce lien est celui de a•+@e•+\.org/).waitFor()
  assert.ok(!(await page.getByRole('main').textContent()).includes(ada.email))
  await click(page, 'Voir mes données')
  const held = page.locator('dl.held')
  await held.getByText(ada.email).waitFor()
  for (const words of ['confirmée, depuis le', 'Vous ne recevez pas nos conseils', 'demande', 'accord', 'advice-tool, avec votre adresse', 'Votre langue : le français', 'd’où vous veniez\u00a0: «\u00a0landing\u00a0»', '«\u00a0Guide de la Mariée Sereine\u00a0», le ', ada.address, '180\u00a0jours après l’expiration', '3\u00a0ans après votre dernière action', '1\u00a0an après chaque action']) {
    assert.ok((await held.textContent()).includes(words), words)
  }
  await look(page, 'data-read')
  const [download] = await Promise.all([page.waitForEvent('download'), click(page, 'Télécharger mes données')])
  assert.match(download.suggestedFilename(), /\.json$/)
  const everything = JSON.parse(readFileSync(await download.path(), 'utf8'))
  assert.equal(everything.subscriber.email, ada.email)
  assert.deepEqual(everything.consentEvents.map(each => each.type).sort(), ['confirm', 'signup'])
  assert.ok(everything.consentContext.every(each => each.ip === ada.address))
  await page.getByText('Le fichier est dans vos téléchargements').waitFor()
  await look(page, 'data-choose')
  await ada.leave()
})

test('erasing takes a second, deliberate step, and leaves nothing', async () => {
  const ada = await person()
  await signUp(ada)
  const { confirm } = await links(ada.email)
  const { page } = ada
  const url = await link(ada)
  await page.goto(url)
  await page.getByRole('heading', { name: 'En garder une copie' }).waitFor()
  await page.route('**/export', route => route.fulfill({ status: 502, body: 'Bad gateway' }))
  await click(page, 'Voir mes données')
  await page.getByText('Le service ne répond pas').waitFor()
  await helped(page)
  await look(page, 'data-unreachable')
  await page.reload()
  await click(page, 'Effacer mes données…')
  await heading(page, 'Tout effacer ?')
  await look(page, 'data-sure')
  await click(page, 'Annuler')
  await heading(page, 'Vos données')
  assert.equal(status(ada.email), 'pending')
  await click(page, 'Effacer mes données…')
  await click(page, 'Effacer définitivement')
  await heading(page, 'Tout est effacé')
  await look(page, 'data-erased')
  await page.reload()
  await page.getByText('vos données ont déjà été effacées').waitFor()
  assert.equal(status(ada.email), undefined)
  await page.goto(confirm)
  await heading(page, 'Ce lien n’est pas valable')
  // A later signup starts anew.
  await signUp(ada)
  await mail(ada.email, { count: 3 })
  await ada.leave()
})

test('objecting as well: no mail ever again', async () => {
  const ada = await person()
  await signUp(ada)
  await links(ada.email)
  const { page } = ada
  await page.goto(await link(ada))
  await click(page, 'Effacer mes données…')
  await page.getByLabel('Je m’oppose aussi').check()
  await click(page, 'Effacer définitivement')
  await heading(page, 'Tout est effacé')
  assert.match(await page.getByRole('main').textContent(), /ne plus jamais vous écrire/)
  await signUp(ada)
  const other = await person()
  await signUp(other)
  await mail(other.email)
  assert.equal((await mails(ada.email)).length, 2)
  await other.leave()
  await ada.leave()
})

test('a link to the data that has expired, or that nobody issued, leads to a new one', async () => {
  const ada = await person()
  await signUp(ada)
  await links(ada.email)
  const { page } = ada
  const url = await link(ada)
  sql(`UPDATE lm_download_tokens t SET expires_at = now() - interval '1 minute'
    FROM lm_subscribers s WHERE s.id = t.subscriber_id AND email = %s AND kind = 'privacy'`, ada.email)
  await page.goto(url)
  await heading(page, 'Ce lien ne fonctionne plus')
  await helped(page)
  await page.getByText('Il a expiré, n’a pas été copié').waitFor()
  await look(page, 'data-expired')
  await page.goto(`/lead-magnet/mes-donnees?lang=fr&token=${'A'.repeat(43)}`)
  await heading(page, 'Ce lien ne fonctionne plus')
  assert.equal(await page.getByText('Effacer').count(), 0)
  assert.equal(await page.getByLabel('Votre adresse e-mail').isVisible(), true)
  await ada.leave()
})
