// What the sign-in page asks: whether there is an issuer to sign in with.
export default defineEventHandler(event =>
  refusedAdmin(event) ?? { oidc: Boolean(useRuntimeConfig(event).oauth.oidc.openidConfig) })
