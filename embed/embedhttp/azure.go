package embedhttp

// azure is OpenAI's API as Azure has it: the path names the model, whatever the body
// says, or the body does below /openai/v1.
var azure = dialect{name: "Azure OpenAI", failure: (*failure).envelope, key: "Api-Key", routes: []route{
	{path: "/openai/deployments/{model}/embeddings", methods: post, serve: (*exchange).embeddings, summary: "Embed texts or token ids",
		fields: names(fields), example: `{"input": ["The food was delicious"]}`},
	{path: "/openai/v1/embeddings", methods: post, serve: (*exchange).embeddings, summary: "Embed texts or token ids",
		fields: names(fields), example: `{"model": "minilm", "input": ["The food was delicious"]}`},
}}
