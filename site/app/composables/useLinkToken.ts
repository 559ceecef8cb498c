/**
 * The token of the mail's link: kept in memory and taken out of the address bar, so that neither
 * the history nor a shared screen keeps it. `undefined` until the page runs in the browser.
 */
export function useLinkToken() {
  const token = shallowRef<string | null>()
  const route = useRoute()
  const router = useRouter()

  onMounted(async () => {
    const given = route.query.token
    if (given !== undefined) await router.replace({ path: route.path })
    token.value = typeof given === 'string' && given ? given : null
  })

  return readonly(token)
}
