module github.com/rhumb-go/rhumb/examples/search

go 1.26.0

require (
	github.com/philippgille/chromem-go v0.7.0
	github.com/rhumb-go/rhumb v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/dlclark/regexp2 v1.12.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
)

replace github.com/rhumb-go/rhumb => ../..
