package embed

// Frame returns the special tokens that the model's tokenizer puts before and
// after a text: that of the route of promptName, "" for the default one. EmbedIDs
// takes ids without them too; another tokenizer's look the same.
func (q *Queue) Frame(promptName string) (head, tail []int32, err error) {
	route, err := q.model.routeOf(promptName)
	if err != nil {
		return nil, nil, err
	}
	head, tail = route.tokenizer.Frame()
	return head, tail, nil
}
