// An OIDC issuer for the owner's sign-in: panva's oidc-provider, with a page that asks who is there.

import { createServer } from 'node:http'
import Provider from 'oidc-provider'

export const client = { id: 'site', secret: 'the-sites-own-secret' }
/** The groups of each account: only one that the API maps gives a role. */
const GROUPS = { 'ada@studio.example': ['studio-owner'], 'eve@studio.example': ['gardeners'] }

export async function issueAt(port, site) {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: client.id, client_secret: client.secret, token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [`${site}/api/admin/oidc`],
    }],
    claims: { openid: ['sub', 'email', 'cognito:groups'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['of the tests'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ 'sub': id, 'email': id, 'cognito:groups': GROUPS[id] ?? [] }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope('openid email profile')
      await grant.save()
      return grant
    },
  })
  const answer = provider.callback()
  const server = createServer(async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response)
    if (request.method === 'GET') {
      response.setHeader('content-type', 'text/html')
      return response.end('<title>The issuer</title><form method="post"><label>Account <input name="account"></label><button>Go on</button></form>')
    }
    let body = ''
    for await (const piece of request) body += piece
    await provider.interactionFinished(request, response, { login: { accountId: new URLSearchParams(body).get('account') } })
  })
  server.unref()
  await new Promise(resolve => server.listen(port, '127.0.0.1', resolve))
}
