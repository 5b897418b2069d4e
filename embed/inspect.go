package embed

// Inspect returns what Load(dir, cfg) would say about its model, Info.MemoryBytes
// included, without packing the weights: it takes little memory, and the time to
// read them once, for Info.Fingerprint. What is an error for Load is one here, but
// for a machine that is too small.
func Inspect(dir string, cfg Config) (Info, error) {
	return inspect(dir, cfg, (*Model).Info)
}

// Describe is Inspect without the fingerprint: it reads few of the weights.
func Describe(dir string, cfg Config) (Info, error) {
	return inspect(dir, cfg, (*Model).Describe)
}

func inspect(dir string, cfg Config, info func(*Model) Info) (Info, error) {
	cfg.inspect = true
	m, err := Load(dir, cfg)
	if err != nil {
		return Info{}, err
	}
	return info(m), m.Close()
}
