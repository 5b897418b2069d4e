package modelfolder

import (
	"testing"
	"testing/fstest"
)

func FuzzRouter(f *testing.F) {
	f.Add([]byte(`{"types": {"query_0_StaticEmbedding": "sentence_transformers.models.StaticEmbedding.StaticEmbedding", "document_0_Transformer": "sentence_transformers.models.Transformer.Transformer"},
		"structure": {"query": ["query_0_StaticEmbedding"], "document": ["document_0_Transformer"]}, "parameters": {"default_route": "document", "allow_empty_key": true}}`))
	f.Add([]byte(`{"types": {"a": "x.Dense"}, "structure": {"a": ["a"], "b": []}, "parameters": {"default_route": null, "allow_empty_key": false, "route_mappings": {"('query', 'text')": "a", "(None, ('text', 'image'))": "b"}}}`))
	f.Add([]byte(`{"types": {}, "structure": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Folder{FS: fstest.MapFS{"router_config.json": {Data: data}}}.router()
		if err != nil {
			return
		}
		for _, task := range append(r.tasks(), "") {
			name, ok := r.find(task)
			if _, exists := r.structure[name]; ok && !exists {
				t.Errorf("task %q: route %q, which there is not", task, name)
			}
		}
	})
}
