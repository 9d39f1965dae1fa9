// The judge: evaluates requests against policy documents with @cloud-copilot/iam-simulate, found in the folder that
// JUDGE_NODE_MODULES names. Reads a JSON list of simulations on standard input, writes a JSON list of results.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = process.env.JUDGE_NODE_MODULES
const entry = createRequire(join(modules, 'index.js')).resolve('@cloud-copilot/iam-simulate')
const { anonymousPrincipal, runSimulation } = await import(pathToFileURL(entry).href)

async function judge({ anonymous, ...simulation }) {
  if (anonymous) simulation.request.principal = anonymousPrincipal
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') return `Error: ${JSON.stringify(answer.errors)}`
  const ignored = (answer.result ?? answer.results[0])?.ignoredContextKeys ?? []
  // A key that is dropped would make a row say something else than it looks like.
  if (ignored.length > 0) return `Error: context keys not known for this action: ${ignored.join(', ')}`
  return answer.overallResult
}

const simulations = JSON.parse(readFileSync(0, 'utf8'))
const results = []
for (const simulation of simulations) results.push(await judge(simulation))
process.stdout.write(JSON.stringify(results))
