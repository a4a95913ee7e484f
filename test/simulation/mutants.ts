import { runCampaign, runGroupCampaign } from './campaign.ts'
import { counterexample } from './exhaustive-search.ts'
import { stories } from './exhaustive-stories.ts'
import { groupMutants } from './groups-mutants.ts'
import { journalMutants } from './journal-mutants.ts'

/** How one mutant died: after so many histories, or so many states of an exhaustive search. */
type Death = {
  /** The class of anomaly that was seen, or what the search found wrong; undefined: it lives. */
  readonly killedBy: string | undefined
  readonly histories?: number
  readonly states?: number
}

type MutantOptions = {
  /** A mutant that lives through so many histories has survived. */
  readonly maxHistories: number
  readonly firstSeed: number
}

type Mutant = {
  readonly name: string
  /** The rule that holds no longer. */
  readonly removes: string
  /** It dies in an exhaustive search, and not in histories. */
  readonly isSearched: boolean
  readonly hunt: (options: MutantOptions) => Promise<Death>
}

/** Every mutant there is: of the journal, of groups, and those that small worlds are searched for. */
export const mutants: readonly Mutant[] = [
  ...Object.entries(journalMutants).map(([name, mutation]) => ({
    name,
    removes: mutation.removes,
    isSearched: false,
    hunt: async ({ firstSeed, maxHistories }: MutantOptions) => {
      const campaign = await runCampaign({ firstSeed, histories: maxHistories, maxFailed: 1, mutation })
      return { killedBy: campaign.anomalies[0]?.class, histories: campaign.histories }
    },
  })),
  ...Object.entries(groupMutants).map(([name, mutation]) => ({
    name,
    removes: mutation.removes,
    isSearched: false,
    hunt: async ({ firstSeed, maxHistories }: MutantOptions) => {
      const { shows } = mutation
      for (let histories = 1; histories <= maxHistories; histories++) {
        const { anomalies } = await runGroupCampaign({ firstSeed: firstSeed + histories, histories: 1, mutation })
        if (anomalies.some((anomaly) => anomaly.class === shows)) return { killedBy: shows, histories }
      }
      return { killedBy: undefined, histories: maxHistories }
    },
  })),
  ...Object.entries(stories).map(([name, { removes, model, removal }]) => ({
    name,
    removes,
    isSearched: true,
    hunt: async () => {
      const { story, states } = await counterexample(model, removal)
      return { killedBy: story?.at(-1), states }
    },
  })),
]
