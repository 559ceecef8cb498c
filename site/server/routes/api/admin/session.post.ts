// Sign-in with a key of `leadmagnet keys add`: the API says whose it is before there is a session.
export default defineEventHandler(async (event) => {
  const refusal = refusedAdmin(event)
  if (refusal) return refusal
  const { key } = await readBody<{ key?: unknown }>(event) ?? {}
  if (typeof key !== 'string' || !/^lm_\w{1,200}$/.test(key)) {
    return refuse(event, 401, 'credentials_refused', 'Ce n’est pas une clé : elle commence par lm_. Copiez-la en entier.')
  }
  return signInWith(event, key)
})
