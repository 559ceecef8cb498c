// Sign-in at the OIDC issuer: out to it, and back here with a code. Settings: docs/admin.md.
type Problem = ReturnType<typeof refuse>

export default defineEventHandler(async (event) => {
  const refusal = refusedAdmin(event)
  if (refusal) return refusal
  // A link that somebody else made leaves the session alone: the library looks at no state beside an
  // error, and takes none in the URL and none in the cookie for the same.
  const { code, error, state } = getQuery(event)
  if ((code || error) && (!state || state !== getCookie(event, 'nuxt-auth-state'))) return tell()
  try {
    // Without the issuer's page about the person: the ID token says all that is needed.
    const { userinfo_endpoint, ...openidConfig } = await $fetch<Record<'authorization_endpoint' | 'token_endpoint' | 'userinfo_endpoint', string>>(
      useRuntimeConfig(event).oauth.oidc.openidConfig, { timeout: 10_000 },
    )
    return await defineOAuthOidcEventHandler({
      config: { openidConfig: openidConfig as never, scope: ['email', 'profile'] },
      onSuccess: async (_, { tokens }) => {
        const token = tokens.id_token ?? ''
        const { name, email } = claimsOf(token)
        const outcome = await signInWith(event, token, name ?? email)
        await tell('code' in outcome ? outcome : undefined)
      },
      onError: () => tell(refuse(event, 401, 'credentials_refused', 'La connexion n’a pas abouti. Réessayez.')),
    })(event)
  } catch {
    return tell(refuse(event, 503, 'issuer_unavailable', 'Le service de connexion ne répond pas comme il faut. Réessayez dans un instant.'))
  }

  /** This is a page of the browser, not a call: what went wrong is told by the sign-in page. */
  async function tell(problem?: Problem) {
    if (problem) await replaceUserSession(event, { problem })
    removeResponseHeader(event, 'content-type')
    await sendRedirect(event, '/admin')
  }
})

function claimsOf(token: string): { name?: string, email?: string } {
  const payload = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(payload, character => character.charCodeAt(0))))
}
