package loader

import "strings"

// alikeTexts are of tokens that are all alike, so that they have the same error, which grows
// with the number of them: of MPNet at its limit to more than twice that of a short text.
var alikeTexts = []string{
	strings.Repeat("word ", 32), strings.Repeat("word ", 120), strings.Repeat("\U0001F642", 24), strings.Repeat("0123456789 ", 6), strings.Repeat("! ? . , ; ", 8),
}

// rareTexts are of few tokens, or rare ones, which have errors that no others make up for.
var rareTexts = []string{
	"x", "?", ".", "0", "the", "\\frac{a}{b} = c", "№ ½ ² ™ …", "\tif (x) {\n\t\treturn;\n\t}", "ñ ç ß ÀÉÎÕÜ", "𝓕𝓸𝓷𝓽 ﾊﾝｶｸ", "ZXJyb3I6IG5vbmU=", "سلام کتاب\u200cها",
}

// moreTexts are short ones of each kind that is off most in real models, which no layers are chosen for: Hebrew and Arabic in
// turn first, where Qwen2 is far off with some words and not with others.
var moreTexts = []string{
	strings.Repeat("ערב טוב مساء ", 8), strings.Repeat("בוקר טוב شكرا ", 10), strings.Repeat("paper ", 100), "no no no no",
	strings.Repeat("river река 河 نهر नदी ποταμός 강 แม่น้ำ נהר ", 2), strings.Repeat("for i in range(10):\n    print(i * i)\n", 3),
	"d2FybjogdHdvIGJveGVzIGFyZSBlbXB0eQ==", strings.Repeat("2718281828 ", 4), strings.Repeat("o\u0308", 40), "!",
}

// limitTexts are of what is repeated, to the limit of most models.
var limitTexts = []string{
	strings.Repeat("word ", 510), strings.Repeat("\U0001F600", 300), strings.Repeat("9876543210 ", 160),
	strings.Repeat("The train leaves at six in the morning from the third platform. ", 40),
	strings.Repeat("north север 北 شمال उत्तर βοράς 북쪽 เหนือ ", 10), strings.Repeat("תודה רבה كتاب جديد ", 20), strings.Repeat("この店の料理は安い。", 20),
	strings.Repeat("while n > 1:\n    n = n // 2 if n % 2 == 0 else 3 * n + 1\n", 10), strings.Repeat("u\u0308", 110), strings.Repeat(". , ! ? ; - : ", 30),
}
