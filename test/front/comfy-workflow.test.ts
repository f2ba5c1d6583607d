import t from 'tap'
import { readUpload } from '../../src/front/comfy-upload.js'
import {
  modelOfWorkflow,
  needsPicture,
  outputNode,
  readPrompt,
  startPictures,
  workNode,
} from '../../src/front/comfy-workflow.js'

const WORKFLOW = {
  3: { class_type: 'KSampler', inputs: { latent_image: ['5', 0] } },
  4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'art' } },
  5: { class_type: 'VAEEncode', inputs: { pixels: ['10', 0] } },
  10: { class_type: 'LoadImage', inputs: { image: 'mine.png' } },
  12: { class_type: 'SaveImage', inputs: { images: ['8', 0] } },
}

t.test('a workflow tells its nodes, its model and its picture', async (t) => {
  t.equal(outputNode(WORKFLOW), '12')
  t.equal(workNode(WORKFLOW), '3')
  t.equal(modelOfWorkflow(WORKFLOW), 'art')
  t.same(startPictures(WORKFLOW), ['mine.png'])
  t.equal(needsPicture(WORKFLOW), true)
})

t.test('a workflow of nothing that is known has the node that KoboldCpp names', async (t) => {
  const odd = { a: {}, b: { class_type: 7, inputs: { image: ['c', 0] } } }
  t.same([outputNode(odd), workNode(odd), modelOfWorkflow(odd)], ['9', '9', undefined])
  t.same([startPictures(odd), needsPicture(odd)], [[], false])
})

t.test('what is no workflow is told apart', async (t) => {
  for (const body of ['', 'x', '[]', '{}', '{"prompt":"text"}', '{"prompt":{"3":7}}']) {
    t.equal(readPrompt(Buffer.from(body)), undefined, body)
  }
  const body = Buffer.from(JSON.stringify({ prompt: WORKFLOW, client_id: 'me', extra_data: 7 }))
  t.match(readPrompt(body), { clientId: 'me', extraData: {}, workflow: WORKFLOW })
})

t.test('an uploaded picture gets a name of its own', async (t) => {
  const form = (name: string) =>
    Buffer.from(
      `--edge\r\nContent-Disposition: form-data; name="image"; filename="${name}"\r\n\r\nx`,
    )
  const [one, other] = [readUpload(form('é.png'), 'a'), readUpload(form('é.png'), 'a')]
  t.match(one, { ownName: 'é.png', contentType: 'multipart/form-data; boundary=edge' })
  t.not(one?.name, other?.name)
  t.equal(readUpload(Buffer.from('{}'), 'a'), undefined)
})
