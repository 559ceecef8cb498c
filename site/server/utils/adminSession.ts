import type { H3Event } from 'h3'
import type { User } from '#auth-utils'

/** The refusal of a call that may not be: no session can be kept, or another site's page writes. */
export function refusedAdmin(event: H3Event) {
  if (useRuntimeConfig(event).session.password.length < 32) {
    return refuse(event, 503, 'service_unavailable', 'L’administration n’est pas prête : NUXT_SESSION_PASSWORD (au moins 32 caractères) manque au site.')
  }
  if (!['GET', 'HEAD'].includes(event.method) && !isOurOwn(event)) {
    return refuse(event, 403, 'request_malformed', 'Cette demande ne vient pas de cette page. Rechargez-la et réessayez.')
  }
}

/** Browsers name where a call comes from; old ones, at least with what is not a GET, the origin. */
function isOurOwn(event: H3Event) {
  const site = getRequestHeader(event, 'sec-fetch-site')
  if (site) return site === 'same-origin'
  return getRequestHeader(event, 'origin')?.split('//')[1] === getRequestHost(event)
}

// A sealed cookie would open until it ends, for whoever has a copy: those of who signed out are kept
// in mind until then, by their ids, with the time.
const signedOut = () => useStorage<number>('admin-signed-out')
export const hasSignedOut = (id: string) => signedOut().hasItem(id)

export async function rememberSignOut(event: H3Event) {
  const { id, user } = await getUserSession(event)
  if (!user) return
  const ended = Date.now() - 1000 * useRuntimeConfig(event).session.maxAge!
  for (const key of await signedOut().getKeys()) {
    if ((await signedOut().getItem(key) ?? 0) < ended) await signedOut().removeItem(key)
  }
  await signedOut().setItem(id, Date.now())
}

/** The key or the token of who is signed in. */
export async function adminToken(event: H3Event) {
  const { id, secure } = await getUserSession(event)
  return secure && !await hasSignedOut(id) ? secure.token : undefined
}

// A browser keeps no cookie of more than 4096 characters, and says nothing.
const MOST_TOKEN_CHARACTERS = 2600

/** Begin a session with a token that the API takes; or answer with the API's problem. */
export async function signInWith(event: H3Event, token: string, name?: string) {
  if (token.length > MOST_TOKEN_CHARACTERS) {
    return refuse(event, 503, 'service_unavailable', 'Le jeton du service de connexion est trop long. Il doit porter moins de groupes.')
  }
  const response = await fetch(new URL('/api/admin/lead-magnet/me', useRuntimeConfig(event).leadMagnet.apiOrigin), {
    headers: { ...cameFrom(event), 'authorization': `Bearer ${token}`, 'accept-language': 'fr' },
    signal: AbortSignal.timeout(15_000),
  }).catch(() => null)
  if (!response) return refuse(event, 503, 'service_unavailable', 'Le service ne répond pas. Réessayez dans un instant.')
  if (response.status === 404) {
    return refuse(event, 404, 'not_found', 'L’administration n’est pas activée : ADMIN_API=true manque à l’API.')
  }
  const answer = await response.json()
  if (!response.ok) return refuse(event, response.status, answer.code, answer.detail)
  const me = answer as Omit<User, 'name'>
  await replaceUserSession(event, { user: { ...me, name: name ?? me.actor.replace(/^\w+:/, '') }, secure: { token } })
  return { status: 'done' as const }
}
