import type { LeadMagnetApiRequestBody } from '#open-fetch'

type Signup = LeadMagnetApiRequestBody<'signUp'>

/**
 * What a form for one guide needs: the guide and the texts to agree to, the fields, and the signup
 * with its problem, typed. `<LeadMagnetForm>` is one such form; `ready` is for pages that wait.
 */
export function useLeadMagnet(slug: string, { locale = useLeadMagnetLocale().value, source }: Pick<Signup, 'locale' | 'source'> = {}) {
  const { $leadMagnetApi } = useNuxtApp()
  // After the plugin's, which asks for sentences in the page's language.
  const onRequest = ({ options }: { options: { headers: Headers } }) => options.headers.set('Accept-Language', locale)
  const asked = useLeadMagnetApi('/api/lead-magnet/magnets/{slug}', { path: { slug }, query: { locale }, onRequest })

  const email = ref('')
  const agreed = ref<string[]>([])
  const website = ref('')
  const answer = ref('')
  const againSeconds = ref(0)

  const signup = useAct(async () => {
    const accepted = await $leadMagnetApi('/api/lead-magnet/signup', {
      method: 'POST',
      onRequest,
      body: { email: email.value.trim(), consents: agreed.value, magnet: slug, locale, source, website: website.value },
    })
    answer.value = accepted.message
    againSeconds.value = accepted.againSeconds
  }, ref(locale))

  return reactive({
    /** The form's language, which need not be the page's. */
    locale,
    /** The guide with its `consentTexts`; undefined while it loads and when it cannot. */
    magnet: asked.data,
    loading: computed(() => asked.status.value === 'pending'),
    /** Why there is no magnet. */
    problem: computed(() => asked.error.value ? problemOf(asked.error.value, locale) : null),
    refresh: () => asked.refresh(),
    ready: asked.then(() => {}),
    email,
    /** The ids of the texts that are ticked. */
    agreed,
    /** The honeypot: a field that people do not see. */
    website,
    signup,
    /** What to say at the fields, when the signup's problem is about them. */
    emailError: computed(() => sentenceFor(signup.problem, '/email')),
    consentError: computed(() => sentenceFor(signup.problem, '/consents')),
    /** What to say once the signup is accepted; empty until then. */
    answer,
    /** After how many seconds the same signup may send another mail. */
    againSeconds,
  })
}
