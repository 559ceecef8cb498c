/**
 * The token of the mail's link: taken out of the address bar, so that neither a shared screen nor
 * the list of visited pages shows it, and kept in this entry of the tab's history, so that the page
 * can be reloaded. `undefined` until the page runs in the browser.
 */
export function useLinkToken() {
  const token = shallowRef<string | null>()
  const route = useRoute()
  const router = useRouter()

  onMounted(async () => {
    const given = route.query.token ?? history.state?.linkToken
    token.value = typeof given === 'string' && given ? given : null
    if (route.query.token !== undefined) {
      await router.replace({ path: route.path, state: { linkToken: token.value } })
    }
  })

  return readonly(token)
}
