// An app that has nothing but the layer, against `make run`'s stack.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { person } from './browser.mjs'
import { at, guide, mail } from './stack.mjs'

test('an app of the guide’s lines alone: sign up, open the mail, get the file', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/')
  await page.getByRole('textbox').fill(ada.email)
  await page.getByRole('checkbox').first().check()
  await page.locator('form button').click()

  const { text } = await mail(ada.email)
  await page.goto(text.match(/\S+\/lead-magnet\/confirm\?\S+token=\S+/)[0])
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator('main button').click()])
  assert.deepEqual(readFileSync(await download.path()), guide)
  assert.match(await page.title(), /Light & Shutter/)
  await ada.leave()
})

test('a form in another language than the app’s leaves the app its own', async () => {
  const ada = await person()
  const { page } = ada
  await page.goto('/english')
  const send = page.getByRole('button', { name: 'Get the guide' })
  await page.getByText('I agree that').first().waitFor()
  await send.click()
  await page.getByText('This e-mail address is not valid').waitFor()
  await page.getByLabel('Your e-mail address').fill(ada.email)
  await page.getByRole('checkbox').first().check()
  await page.route('**/signup', route => route.abort())
  await send.click()
  await page.getByText('The service does not answer').waitFor()
  for (const go of [() => page.getByRole('link', { name: 'Accueil' }).click(), () => page.reload()]) {
    await go()
    await page.getByRole('button', { name: 'Recevoir le guide' }).waitFor()
  }
  await ada.leave()
})

test('its pages behind the mails’ links are stored nowhere, and name no page they were left for', async () => {
  const { headers } = await fetch(`${at.site}/lead-magnet/confirm?token=${'A'.repeat(43)}`)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
})
