import type { components } from '#open-fetch-schemas/lead-magnet-api'

type ApiProblem = components['schemas']['Problem']
export type Problem = Omit<ApiProblem, 'code'> & { code: ApiProblem['code'] | 'unreachable' }

/** One action of the visitor: at most one at a time, with the API's problem if it failed. */
export function useAct<Given extends unknown[]>(act: (...given: Given) => Promise<void>, locale = useLeadMagnetLocale()) {
  const busy = ref(false)
  const problem = ref<Problem | null>(null)

  async function run(...given: Given) {
    if (busy.value) return
    busy.value = true
    problem.value = null
    try {
      await act(...given)
    } catch (error) {
      problem.value = problemOf(error, locale.value)
    } finally {
      busy.value = false
    }
  }

  return reactive({ busy, problem, run })
}

export const UNREACHABLE = {
  fr: 'Le service ne répond pas. Rien n’est perdu : vérifiez votre connexion et réessayez.',
  en: 'The service does not answer. Nothing is lost: check your connection and try again.',
}

/** The API's problem+json; or ours, when the answer did not come from the API. */
export function problemOf(error: unknown, locale: LeadMagnetLocale = 'fr'): Problem {
  const data = (error as { data?: unknown })?.data
  if (data && typeof data === 'object' && 'code' in data && 'detail' in data) return data as Problem
  return {
    type: 'about:blank',
    title: 'Unreachable',
    status: 503,
    code: 'unreachable',
    detail: UNREACHABLE[locale],
  }
}

/** The sentence for one field of the form, if the problem is about it. */
export function sentenceFor(problem: Problem | null, pointer: string): string | undefined {
  return problem?.errors?.find(error => error.pointer.startsWith(pointer))?.detail
}
