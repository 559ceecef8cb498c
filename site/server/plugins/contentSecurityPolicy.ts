// The scripts that Nuxt itself writes into a page, such as its configuration, run by their hashes. Not
// those in `body`, which is what the app has rendered: nothing that got in there becomes a script.

export default defineNitroPlugin((nitro) => {
  nitro.hooks.hook('render:html', async ({ head, bodyPrepend, bodyAppend }, { event }) => {
    const own = [...head, ...bodyPrepend, ...bodyAppend].join('\n')
    const scripts = [...own.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script = '']) => script)
    const hashes = await Promise.all(scripts.map(hashOf))
    const policy = String(getResponseHeader(event, 'content-security-policy') ?? '')
    setResponseHeader(event, 'content-security-policy', policy.replace('script-src', ['script-src', ...hashes].join(' ')))
  })
})

async function hashOf(script: string) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script))
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`
}
