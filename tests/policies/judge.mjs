// The judge: evaluates requests against policy documents with @cloud-copilot/iam-simulate, found in the folder that
// JUDGE_NODE_MODULES names. Reads simulations, and documents that they share, on standard input, writes a JSON list of results.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = process.env.JUDGE_NODE_MODULES
const entry = createRequire(join(modules, 'index.js')).resolve('@cloud-copilot/iam-simulate')
const { anonymousPrincipal, runSimulation } = await import(pathToFileURL(entry).href)

// A document that many simulations share is given once, and named by its number.
const resolved = (policies) => policies.map((one) => (typeof one.policy === 'number' ? { ...one, policy: documents[one.policy] } : one))

const whole = (given) => {
  const simulation = { ...given }
  for (const part of ['identityPolicies', 'permissionBoundaryPolicies', 'vpcEndpointPolicies']) {
    if (simulation[part]) simulation[part] = resolved(simulation[part])
  }
  // The model behind a global profile carries no Region in its ARN, which the judge cannot read: a word stands for it, everywhere alike.
  if (!simulation.request.resource.resource.startsWith('arn:aws:bedrock:::')) return simulation
  return JSON.parse(JSON.stringify(simulation).replaceAll('arn:aws:bedrock:::', 'arn:aws:bedrock:no-region::'))
}

async function judge(given) {
  const { anonymous, ...simulation } = whole(given)
  if (anonymous) simulation.request.principal = anonymousPrincipal
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') return `Error: ${JSON.stringify(answer.errors)}`
  const ignored = (answer.result ?? answer.results[0])?.ignoredContextKeys ?? []
  // A key that is dropped would make a row say something else than it looks like.
  if (ignored.length > 0) return `Error: context keys not known for this action: ${ignored.join(', ')}`
  return answer.overallResult
}

const { documents, simulations } = JSON.parse(readFileSync(0, 'utf8'))
const results = []
for (const simulation of simulations) results.push(await judge(simulation))
process.stdout.write(JSON.stringify(results))
