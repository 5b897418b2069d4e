package embed

// Full reports whether so much waits in q that it takes no call, of whatever size.
func (q *Queue) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats.WaitingTexts >= q.cfg.MaxTexts || q.stats.WaitingTokens >= q.cfg.MaxTokens
}
