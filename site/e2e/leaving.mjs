// "Not me", unsubscribing by the page and by the providers' one click.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { look, person, shown } from './browser.mjs'
import { click, clickForFile, heading, links, signUp, status } from './funnel.mjs'
import { at, guide, mail, mails, sql } from './stack.mjs'

test('"this was not me": one click, and no more mail', async () => {
  const ada = await person()
  await signUp(ada)
  const { page } = ada
  const { confirm, leave } = await links(ada.email)
  await page.goto(leave)
  await heading(page, 'Ce n’était pas vous ?')
  await page.getByText('nous n’y enverrons plus le guide pendant 180 jours').waitFor()
  assert.equal(shown(page), '/lead-magnet/unsubscribe?lang=fr')
  await look(page, 'unsubscribe-not-me')
  assert.equal(status(ada.email), 'pending')
  await page.reload()
  await click(page, 'Ce n’était pas moi, ne m’envoyez plus le guide')
  await heading(page, 'C’est noté')
  await page.getByText(/nous n’y enverrons pas le guide avant le \d/).waitFor()
  await look(page, 'unsubscribe-done')
  assert.equal(status(ada.email), 'unsubscribed')
  // The page says so, and so it is: somebody enters the address again, days later.
  sql(`UPDATE lm_subscribers SET asked_at = asked_at - interval '3 days' WHERE email = %s`, ada.email)
  await signUp(ada)
  const other = await person()
  await signUp(other)
  await mail(other.email)
  assert.equal((await mails(ada.email)).length, 1)
  await other.leave()
  // Who changes their mind has the mail's other link.
  await page.goto(confirm)
  await page.getByText('il nous a été demandé de ne plus envoyer le guide').waitFor()
  await look(page, 'confirm-not-me')
  await click(page, 'Recevoir un nouveau lien')
  await mail(ada.email, { count: 2 })
  await ada.leave()
})

test('unsubscribing by the page, from the advice and then from all, and the link again; the guide stays hers', async () => {
  const ada = await person()
  await signUp(ada, { newsletter: true })
  const { page } = ada
  const { confirm, leave } = await links(ada.email)
  await page.goto(confirm)
  assert.deepEqual(await clickForFile(page, 'Confirmer et recevoir le guide'), guide)
  await page.goto(leave)
  await heading(page, 'Ne plus recevoir nos e-mails')
  await look(page, 'unsubscribe-confirmed')
  await click(page, 'Arrêter seulement les conseils')
  await heading(page, 'Les conseils s’arrêtent')
  await look(page, 'unsubscribe-advice')
  assert.equal(status(ada.email), 'confirmed')
  await click(page, 'Me désinscrire de tout')
  await heading(page, 'C’est noté')
  assert.equal(status(ada.email), 'unsubscribed')
  await page.goto(leave)
  await heading(page, 'C’est noté')
  await page.goto(confirm)
  assert.deepEqual(await clickForFile(page, 'Télécharger le guide'), guide)
  await ada.leave()
})

for (const [kind, body] of Object.entries({
  urlencoded: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }),
  multipart: (() => {
    const form = new FormData()
    form.set('List-Unsubscribe', 'One-Click')
    return form
  })(),
})) {
  test(`the providers’ one click reaches the API through the site, ${kind}`, async () => {
    const ada = await person()
    await signUp(ada)
    const { oneClick } = await links(ada.email)
    assert.ok(oneClick.startsWith(`${at.site}/api/lead-magnet/unsubscribe/`))
    for (const time of [1, 2]) {
      const response = await fetch(oneClick, { method: 'POST', body, redirect: 'error' })
      assert.equal(response.status, 200, `time ${time}`)
      assert.equal((await response.json()).status, 'unsubscribed')
    }
    assert.equal(status(ada.email), 'unsubscribed')
    await ada.leave()
  })
}
