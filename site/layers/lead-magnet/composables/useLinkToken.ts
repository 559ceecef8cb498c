/**
 * The token of the mail's link: taken out of the address bar, so that neither a shared screen nor
 * the list of visited pages shows it, and kept in this entry of the tab's history, so that the page
 * can be reloaded. `undefined` until the page runs in the browser.
 */
export function useLinkToken() {
  const token = shallowRef<string | null>()
  const route = useRoute()
  const router = useRouter()
  const locale = useLeadMagnetLocale()

  onMounted(async () => {
    const given = route.query.token ?? history.state?.linkToken
    token.value = typeof given === 'string' && given ? given : null
    // Without a link the page speaks as the one before it, and keeps to that when it is reloaded.
    const lang = route.query.lang ?? (token.value ? undefined : locale.value)
    if (route.query.token !== undefined || lang !== route.query.lang) {
      await router.replace({ path: route.path, query: { lang }, state: { linkToken: token.value } })
    }
  })

  return readonly(token)
}
