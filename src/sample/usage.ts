/** What --help prints: every option and switch. */
export const USAGE = `Usage: gatehouse sample-backend --port N [options]

A small backend that speaks KoboldCpp's protocol with KoboldCpp's manners. Its text, pictures and
transcripts are real but made without any model.

  --port N                  the port to listen on (0: any free one)
  --host H                  the address to listen on (default 127.0.0.1)
  --model LIST              what it has, by commas: text, image, transcribe (or whisper), speech,
                            embeddings (default text)
  --name NAME               the model's name (default sample)
  --password P              ask for "Authorization: Bearer P" where KoboldCpp does
  --load-time MS            how long it loads before the port opens (default 300)
  --first-token-delay MS    the wait before the first token of a text (default 20)
  --token-interval MS       the wait after each token (default 40)
  --image-time MS           how long a picture takes (default 300)
  --help                    print this

Switches to misbehave, for tests:

  --crash-after-events N    be killed once N stream events have been sent
  --crash-after-requests N  answer N generation requests, be killed as the next one starts
  --exit-before-ready CODE  load, then exit with CODE instead of listening
  --fail-load TEXT          load, then print TEXT on stderr and exit with 3
  --never-ready             load for ever
  --hang                    accept generation requests and never answer them
  --hang-all                accept every request and answer none
  --ignore-sigterm          ignore SIGTERM and SIGINT
  --fork                    start a child in the same process group that shares stdin and output
                            and stays when this process goes (10 minutes at most)
  --take-memory MIB         fill that much memory while loading
  --spam-output BYTES       write that much to stdout while loading
  --close-stdout            close stdout once it listens
`
