// The studio's owner: sign-in, figures, contacts, one person.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { click, clickForFile, heading, links, signUp, status } from './funnel.mjs'
import { at, leadmagnet, mail, mails, sql } from './stack.mjs'

const keyOf = (name, role = 'owner') => leadmagnet('keys', 'add', name, '--role', role).match(/lm_\w+/)[0]

const sessions = {}
/** Somebody who is signed in already, as all of the role: it takes a second each time. */
export async function signedIn(role = 'owner', options = {}) {
  sessions[role] ??= sessionOf(keyOf(`e2e-${role}`, role))
  const someone = await person({ storageState: { cookies: [await sessions[role]], origins: [] }, ...options })
  await someone.page.goto('/admin')
  await heading(someone.page, 'Tableau de bord')
  return someone
}

async function sessionOf(key) {
  const { headers } = await fetch(`${at.site}/api/admin/session`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'origin': at.site }, body: JSON.stringify({ key }),
  })
  const [, value] = headers.get('set-cookie').match(/^admin=([^;]+)/)
  return { name: 'admin', value, domain: '127.0.0.1', path: '/api', expires: -1, httpOnly: true, secure: true, sameSite: 'Strict' }
}

/** Those whom the owner finds. */
const ada = {}
const eve = {}

export async function signIn({ page }, key) {
  await page.goto('/admin')
  await page.getByLabel('Votre clé d’accès').fill(key)
  await click(page, 'Se connecter')
}

async function search(page, address) {
  await page.goto('/admin/contacts')
  await page.getByLabel('Adresse e‑mail, ou son début').fill(address)
  await click(page, 'Rechercher')
}

async function open(page, { email }) {
  await search(page, email)
  await page.getByRole('link', { name: email }).click()
  await heading(page, email)
}

test('the owner signs in with a key, which the browser cannot read; a wrong one is refused', async () => {
  for (const [whom, newsletter] of [[ada, true], [eve, false]]) {
    const visitor = await person()
    await signUp(visitor, { newsletter })
    await visitor.page.goto((await links(visitor.email)).confirm)
    await clickForFile(visitor.page, 'Confirmer et recevoir le guide')
    whom.email = visitor.email
    const sheets = await visitor.page.evaluate(() => [...document.styleSheets].flatMap(sheet => [...sheet.cssRules]).map(rule => rule.cssText).join())
    assert.ok(sheets.includes('--earth') && !sheets.includes('--ui-'), 'the public pages load what the owner’s need')
    await visitor.leave()
  }

  const owner = await person()
  const { page } = owner
  await signIn(owner, `lm_${'a'.repeat(49)}`)
  await page.getByRole('alert').getByText('n’est pas acceptée').waitFor()
  await look(page, 'admin-sign-in')
  const key = keyOf('e2e')
  await signIn(owner, key)
  await heading(page, 'Tableau de bord')
  assert.equal(shown(page), '/admin')

  const cookies = async () => (await owner.context.cookies(`${at.site}/api`)).filter(({ name }) => name === 'admin')
  const [cookie] = await cookies()
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, 'Strict', '/api'])
  const session = await page.evaluate(async () => (await fetch('/api/_auth/session')).text())
  assert.ok(session.includes('key:e2e') && !session.includes(key))
  const ask = (path, options) => fetch(`${at.site}${path}`, { ...options, headers: { ...options?.headers, cookie: `admin=${cookie.value}` } })
  for (const path of ['/admin', '/api/admin/lead-magnet/me']) {
    const { headers, status } = await ask(path)
    assert.equal(status, 200)
    assert.match(headers.get('cache-control'), /no-store/)
    assert.match(headers.get('x-robots-tag'), /noindex/)
  }
  const write = headers => ask('/api/admin/lead-magnet/subscribers/search', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', ...headers } })
  assert.equal((await write({ origin: at.site })).status, 200)
  for (const headers of [{}, { 'origin': 'https://evil.example' }, { 'origin': at.site, 'sec-fetch-site': 'same-site' }]) {
    assert.equal((await write(headers)).status, 403)
  }
  assert.equal((await ask('/api/admin/lead-magnet/../../../metrics')).status, 404)

  await click(page, 'Se déconnecter')
  await page.waitForURL('**/admin/connexion')
  assert.deepEqual((await cookies()).map(({ value }) => value), [''])
  // Nor does it open for whoever has kept a copy of the cookie.
  assert.equal((await ask('/api/admin/lead-magnet/me')).status, 401)
  assert.equal((await ask('/api/_auth/session')).status, 401)
  await owner.leave()
})

test('the owner signs in at the OIDC issuer; without a mapped group there is no session', async () => {
  for (const [account, opens] of [['eve@studio.example', false], ['ada@studio.example', true]]) {
    const owner = await person()
    const { page } = owner
    await page.goto('/admin')
    await page.getByRole('link', { name: 'Se connecter avec mon compte' }).click()
    await page.getByLabel('Account').fill(account)
    await click(page, 'Go on')
    if (opens) {
      await heading(page, 'Tableau de bord')
      await page.getByText(account).waitFor()
    } else {
      await page.getByRole('alert').getByText('Votre accès ne permet pas cela').waitFor()
      assert.equal(shown(page), '/admin/connexion')
    }
    await owner.leave()
  }
})

test('a link that somebody else made of the issuer’s way back leaves the session alone', async () => {
  const owner = await signedIn()
  const { page } = owner
  for (const query of ['error=access_denied', 'code=theirs', 'code=theirs&state=theirs']) {
    const { status, headers } = await fetch(`${at.site}/api/admin/oidc?${query}`, { redirect: 'manual' })
    assert.deepEqual([status, headers.get('location'), headers.get('set-cookie')], [302, '/admin', null])
    await page.goto(`/api/admin/oidc?${query}`)
    await heading(page, 'Tableau de bord')
  }
  await owner.leave()
})

test('the dashboard shows the funnel, also of this month, and leads to who confirmed and never got the guide', async () => {
  // Nor has anybody who never confirmed: another test uses a link up by hand.
  sql(`UPDATE lm_download_tokens t SET use_count = 0 FROM lm_subscribers s
       WHERE s.id = t.subscriber_id AND (s.email = %s OR s.confirmed_at IS NULL)`, eve.email)
  const owner = await signedIn('owner', { timezoneId: 'Pacific/Kiritimati' })
  const { page } = owner
  await page.getByRole('heading', { name: 'De la demande à la newsletter' }).waitFor()
  // Who was erased meanwhile still counts.
  const asked = await page.getByRole('listitem').filter({ hasText: 'Ont demandé un guide' }).locator('b').textContent()
  const erased = await page.locator('dt:text("Effacés depuis") + dd').textContent()
  assert.equal(String(asked - erased), sql(`SELECT count(*) FROM lm_subscribers WHERE created_at > now() - interval '29 days'`)[0][0])
  await look(page, 'admin-dashboard')
  const [[first, today]] = sql(`SELECT date_trunc('month', day)::date, day FROM (SELECT (now() AT TIME ZONE 'Europe/Paris')::date AS day) d`)
  const month = page.waitForRequest(request => request.url().includes(`/stats?from=${first}&to=${today}`))
  await page.getByLabel('Période').click()
  await page.getByRole('option', { name: 'Ce mois-ci' }).click()
  await month
  await page.getByText('sans jamais recevoir le guide').waitFor()
  await page.getByRole('link', { name: 'Voir qui' }).click()
  await page.getByRole('link', { name: eve.email }).waitFor()
  assert.equal(await page.getByRole('link', { name: ada.email }).count(), 0)

  await page.setViewportSize({ width: 360, height: 740 })
  await click(page, 'Menu')
  await page.getByRole('dialog').getByRole('link', { name: 'Tableau de bord' }).click()
  await heading(page, 'Tableau de bord')
  await owner.leave()
})

test('the owner finds Ada, in the studio’s time zone, and prints and saves her proof', async () => {
  const owner = await signedIn('owner', { timezoneId: 'Pacific/Kiritimati' })
  const { page } = owner
  await search(page, 'nobody-of-that-name')
  await page.getByText('Personne ne correspond à cette recherche').waitFor()
  await click(page, 'Retirer les filtres')
  await page.getByRole('link', { name: ada.email }).waitFor()
  await look(page, 'admin-contacts')

  const abroad = await fetch(`${at.api}/api/lead-magnet/signup`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'zoe@bücher.example.org', consents: ['guide-mariee-sereine-delivery-fr-1'] }),
  })
  assert.equal(abroad.status, 202)
  await search(page, 'ZOE@BÜCHER.example.org')
  await page.getByText('1 contact, c’est tout').waitFor()
  await page.getByRole('link', { name: /^zoe@/ }).waitFor()

  await open(page, ada)
  assert.ok(!owner.went.some(url => url.includes(ada.email)), 'an address is in no URL')
  for (const words of ['A demandé le guide, par le formulaire', 'E‑mail de confirmation : envoyé', 'A confirmé son adresse', 'A reçu le guide : Guide de la Mariée Sereine', 'conseils de Light & Shutter']) {
    await page.getByText(words).first().waitFor()
  }
  const [[when]] = sql(`SELECT to_char(created_at AT TIME ZONE 'Europe/Paris', 'YYYY à HH24:MI') FROM lm_subscribers WHERE email = %s`, ada.email)
  await page.getByText(when).first().waitFor()
  await look(page, 'admin-contact')

  await page.getByRole('link', { name: 'Preuve de consentement' }).click()
  await heading(page, 'Preuve de consentement')
  // The events are sealed some seconds after they happened.
  for (const deadline = Date.now() + 60_000; !await page.getByRole('button', { name: 'Imprimer' }).isVisible();) {
    assert.ok(Date.now() < deadline, await page.getByRole('main').textContent())
    const again = page.getByRole('button', { name: 'Réessayer' })
    if (await again.isVisible()) await again.click()
    await page.waitForTimeout(250)
  }
  await page.getByText('Les textes acceptés').waitFor()
  await look(page, 'admin-proof')
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  assert.ok((await page.getByRole('main').boundingBox()).width > 900, 'the paper is used')
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('h1')).color.includes('oklch(0.2')), true, 'dark on white')
  await page.emulateMedia({ media: 'screen', colorScheme: 'light' })
  await page.evaluate(() => { window.print = () => { document.title = 'printed' } })
  await click(page, 'Imprimer')
  assert.equal(await page.title(), 'printed')
  const [download] = await Promise.all([page.waitForEvent('download'), click(page, 'Enregistrer')])
  assert.match(leadmagnet('receipt', 'verify', '--public-key', leadmagnet('receipt', 'public-key').trim(), await download.path()), /./)
  await owner.leave()
})

test('the owner exports the newsletter list: whole, and only who agreed', async () => {
  const owner = await signedIn()
  const { page } = owner
  await page.getByRole('link', { name: 'Contacts' }).click()
  await click(page, 'Exporter')
  await page.getByRole('dialog').waitFor()
  await look(page, 'admin-export')
  const [answer, download] = await Promise.all([
    page.waitForResponse('**/exports'), page.waitForEvent('download'), click(page, 'Enregistrer le fichier'),
  ])
  await page.getByText('Le fichier est complet').waitFor()
  assert.match(download.suggestedFilename(), /\.csv$/)
  const file = readFileSync(await download.path(), 'utf8')
  assert.equal(await answer.headerValue('content-length'), String(Buffer.byteLength(file)))
  assert.ok(file.startsWith('\ufeff"'))
  assert.ok(file.includes(`"${ada.email}"`) && !file.includes(eve.email))
  assert.match(leadmagnet('exports', 'verify', await download.path()), /complete/)
  await owner.leave()
})

test('half an export is an error, and is not saved: the API breaks off, or says no length', async () => {
  const api = createServer((request, response) => {
    const whole = { 'content-type': 'text/csv', ...request.url.endsWith('half') && { 'content-length': 200_000 } }
    response.writeHead(200, whole).write('x'.repeat(100_000), () => request.url.endsWith('half') ? response.destroy() : response.end())
  })
  await new Promise(resolve => api.listen(new URL(at.unlisted).port, '127.0.0.1', resolve))
  const owner = await signedIn()
  const { page } = owner
  try {
    const half = await fetch(`${at.siteAlone}/api/lead-magnet/half`, { signal: AbortSignal.timeout(10_000) })
    assert.equal(half.headers.get('content-length'), '200000')
    await assert.rejects(half.text(), { name: 'TypeError', message: 'terminated' })

    let downloads = 0
    page.on('download', () => downloads += 1)
    await page.getByRole('link', { name: 'Contacts' }).click()
    await click(page, 'Exporter')
    for (const answer of ['half', 'without-length']) {
      await page.route('**/exports', route => route.continue({ url: `${at.siteAlone}/api/lead-magnet/${answer}` }))
      await click(page, 'Enregistrer le fichier')
      await page.getByRole('dialog').getByRole('alert').waitFor()
      await page.unroute('**/exports')
      await click(page, 'Fermer')
      await click(page, 'Exporter')
    }
    assert.equal(downloads, 0)
  } finally {
    api.closeAllConnections()
    api.close()
  }
  await owner.leave()
})

test('who may only read sees masked addresses, no export, and why the journal stays shut', async () => {
  const viewer = await signedIn('viewer')
  const { page } = viewer
  await page.getByRole('link', { name: 'Contacts' }).click()
  await page.getByRole('rowheader', { name: /^a•+@e•+\.org$/ }).first().waitFor()
  const main = page.getByRole('main')
  assert.doesNotMatch(await main.textContent(), /@example/)
  assert.equal(await main.getByRole('button', { name: 'Exporter' }).count(), 0)
  assert.equal(await main.getByLabel('Adresse e‑mail, ou son début').count(), 0)
  await look(page, 'admin-contacts-viewer')

  assert.equal(await page.getByRole('link', { name: 'Journal' }).count(), 0)
  await page.goto('/admin/journal')
  await page.getByRole('alert').getByText('Votre accès ne permet pas cela').waitFor()
  await viewer.leave()
})

test('without a mouse: from the search to the question before an erasure, and out of it with Escape', async () => {
  const owner = await signedIn()
  const { page } = owner
  const { keyboard } = page
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim())
  async function tabTo(name) {
    for (let steps = 0; await focused() !== name; steps += 1) {
      assert.ok(steps < 40, `Tab does not lead to ${name}`)
      await keyboard.press('Tab')
    }
  }
  await page.goto('/admin/contacts')
  await page.getByLabel('Adresse e‑mail, ou son début').focus()
  await keyboard.type(eve.email)
  await keyboard.press('Enter')
  await page.getByText('1 contact, c’est tout').waitFor()
  await tabTo(eve.email)
  await keyboard.press('Enter')
  await heading(page, eve.email)
  await tabTo('Effacer')
  await keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  assert.ok(await dialog.evaluate(node => node.contains(document.activeElement)), 'the focus is in the dialog')
  await keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  assert.equal(await focused(), 'Effacer')
  assert.equal(status(eve.email), 'confirmed')
  await owner.leave()
})

test('the owner sends a mail again, unsubscribes who telephoned, and erases who asked, after a plain question', async () => {
  const owner = await signedIn()
  const { page } = owner
  sql(`UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day' WHERE email = %s`, ada.email)
  await open(page, ada)
  const had = (await mails(ada.email)).length
  await click(page, 'Renvoyer le dernier e‑mail')
  await page.getByRole('dialog').getByText('avec un nouveau lien').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Renvoyer' }).click()
  await page.getByText('L’e‑mail est en route').first().waitFor()
  await page.getByText('Le studio a renvoyé le dernier e‑mail').waitFor()
  await mail(ada.email, { count: had + 1 })

  await click(page, 'Désinscrire')
  await page.getByRole('dialog').getByText('vous ne pourrez pas réinscrire').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Désinscrire' }).click()
  await page.getByText('Ne veut plus de messages, saisi par le studio').waitFor()
  assert.equal(status(ada.email), 'unsubscribed')

  await open(page, eve)
  await click(page, 'Effacer')
  await page.getByRole('dialog').waitFor()
  await look(page, 'admin-erase')
  await click(page, 'Annuler')
  assert.equal(status(eve.email), 'confirmed')
  await click(page, 'Effacer')
  await page.getByLabel('Ne plus jamais écrire').check()
  await click(page, 'Effacer définitivement')
  await heading(page, 'Contacts')
  await page.getByText('est effacé').first().waitFor()
  assert.equal(status(eve.email), undefined)
  await search(page, eve.email)
  await page.getByText('Personne ne correspond').waitFor()
  await owner.leave()
})

test('when the key is revoked, the session is over', async () => {
  const owner = await person()
  const { page } = owner
  await signIn(owner, keyOf('e2e-revoked'))
  await heading(page, 'Tableau de bord')
  leadmagnet('keys', 'revoke', 'e2e-revoked')
  await page.getByRole('link', { name: 'Contacts' }).click()
  await page.getByRole('status').getByText('Votre clé n’est plus acceptée').waitFor()
  assert.equal(shown(page), '/admin/connexion')

  await signIn(owner, keyOf('e2e-revoked-later'))
  await heading(page, 'Tableau de bord')
  await page.getByRole('link', { name: 'Contacts' }).click()
  await click(page, 'Exporter')
  leadmagnet('keys', 'revoke', 'e2e-revoked-later')
  await click(page, 'Enregistrer le fichier')
  await page.getByText('Votre clé n’est plus acceptée').waitFor()
  await page.goto('/admin')
  await page.getByLabel('Votre clé d’accès').waitFor()
  await owner.leave()
})
