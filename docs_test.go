package zexa_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zexa-ao/zexa-go"
	"github.com/zexa-ao/zexa-go/zexatest"
)

// A block is code in a document.
type block struct {
	lang string
	text string
	file string
	line int // of its first line
}

// fenced returns the fenced blocks of a Markdown file.
func fenced(t *testing.T, file string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var inside *block
	for i, line := range strings.Split(string(text), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && inside == nil:
			inside = &block{lang: lang, file: file, line: i + 2}
		case fence:
			blocks = append(blocks, *inside)
			inside = nil
		case inside != nil:
			inside.text += line + "\n"
		}
	}
	require.Nil(t, inside, "%s: a block is not closed", file)
	return blocks
}

// ofLang returns the blocks in a language, without saying where they are from.
func ofLang(blocks []block, lang string) (texts []string) {
	for _, b := range blocks {
		if b.lang == lang {
			texts = append(texts, b.text)
		}
	}
	return texts
}

// guide returns the parsed comment of package zexa.
func guide(t *testing.T) *comment.Doc {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "zexa.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	return new(comment.Parser).Parse(file.Doc.Text())
}

func TestTheREADMEsShowTheSameCode(t *testing.T) {
	t.Parallel()
	english, portuguese := fenced(t, "README.md"), fenced(t, "README.pt.md")
	require.Len(t, portuguese, len(english))
	for i := range english {
		assert.Equal(t, english[i].lang, portuguese[i].lang)
		assert.Equal(t, english[i].text, portuguese[i].text)
	}
	// What is in the tables: commands, links and programs.
	assert.Equal(t, spans(t, "README.md"), spans(t, "README.pt.md"))
}

// spans returns the commands in the tables of a Markdown file.
func spans(t *testing.T, file string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "|") {
			commands = append(commands, inCode.FindAllString(line, -1)...)
			commands = append(commands, link.FindAllString(line, -1)...)
		}
	}
	return commands
}

func TestREADMEptIsNotBrazilian(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.pt.md")
	require.NoError(t, err)
	brazilian := regexp.MustCompile(`(?i)(^|\PL)(arquivos?|baixar|cadastr\pL*|celular(es)?|conexão|conexões|contatos?|deletar|` +
		`gerenciar|mídia|planilhas?|registros?|salvar|senhas?|telas?|usuários?|vocês?|estão? \pL+ndo)(\PL|$)`)
	assert.Empty(t, brazilian.FindAllString(string(text), -1))
	assert.True(t, brazilian.MatchString("você"), "the check works")
}

// What a snippet may use without declaring it, and from where a name comes.
const surroundings = `package snippets

import (
	"context"

	"github.com/zexa-ao/zexa-go"
)

var (
	ctx      context.Context
	client   *zexa.Client
	params   zexa.MessageParams
	secret   string
	orders, customers shop
)

type shop struct{}

func (shop) Delivered(context.Context, string) error { return nil }
func (shop) OptOut(context.Context, string) error    { return nil }

func notify(context.Context, *zexa.Client, string) error { return nil }
`

// Names that are a slice in one document and a sequence in another.
const (
	messagesAsSlice    = "var messages []zexa.MessageParams; "
	messagesAsSequence = "var messages iter.Seq[zexa.MessageParams]; "
)

var packages = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "iter": "iter", "log": "log",
	"slices": "slices", "testing": "testing", "time": "time",
	"zexa": "github.com/zexa-ao/zexa-go", "zexatest": "github.com/zexa-ao/zexa-go/zexatest",
	"webhook": "github.com/zexa-ao/zexa-go/webhook", "contactcsv": "github.com/zexa-ao/zexa-go/contactcsv",
}

// wrap makes a file of package snippets from a block: as it is if it is a whole
// one, with imports if it consists of declarations, else as the body of a
// function.
func wrap(b block, n int) string {
	where := fmt.Sprintf("//line %s:%d\n", b.file, b.line)
	if rest, whole := strings.CutPrefix(b.text, "package main\n"); whole {
		return "package snippets\n" + where + "\n" + strings.Replace(rest, "func main()", fmt.Sprintf("func main%d()", n), 1)
	}
	before, after := "", ""
	if !strings.HasPrefix(b.text, "func ") {
		before, after = fmt.Sprintf("func snippet%d(t *testing.T) error {", n), "return nil\n}\n"
		switch {
		case strings.Contains(b.text, "slices.Values(messages)"):
			before += messagesAsSlice
		case strings.Contains(b.text, ", messages, "):
			before += messagesAsSequence
		}
	}
	code := before + "\n" + where + b.text + after
	var imports strings.Builder
	for name, path := range packages {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(code) {
			fmt.Fprintf(&imports, "import %s %q\n", name, path)
		}
	}
	return "package snippets\n" + imports.String() + code
}

// TestTheCodeInTheDocumentsCompiles builds the Go blocks of the documents and of
// the comment of the package, as a package that is only there for the compiler.
func TestTheCodeInTheDocumentsCompiles(t *testing.T) {
	t.Parallel()
	var blocks []block
	for _, b := range fenced(t, "README.md") { // README.pt.md has the same
		if b.lang == "go" {
			blocks = append(blocks, b)
		}
	}
	require.NotEmpty(t, blocks)
	for i, part := range guide(t).Content {
		if code, ok := part.(*comment.Code); ok {
			text := regexp.MustCompile(`(?m)^(server, client := .*)$`).ReplaceAllString(code.Text, "$1\n_, _ = server, client")
			blocks = append(blocks, block{"go", text, fmt.Sprintf("part-%d-of-the-comment-of-package-zexa", i), 1})
		}
	}

	root, err := os.Getwd()
	require.NoError(t, err)
	dir, temp := filepath.Join(root, "snippets"), t.TempDir()
	require.NoDirExists(t, dir)
	replace := make(map[string]string)
	add := func(name, source string) {
		file := filepath.Join(temp, name)
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		replace[filepath.Join(dir, name)] = file
	}
	add("surroundings.go", surroundings)
	for i, b := range blocks {
		add(fmt.Sprintf("snippet%d.go", i), wrap(b, i))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(temp, "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "-overlay="+file, "./snippets").CombinedOutput()
	assert.NoError(t, err, "%s", out)
}

// TestTheFirstMessageIsAcceptedAsShown sends what curl would send.
func TestTheFirstMessageIsAcceptedAsShown(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "README.md")
	commands, answers := ofLang(blocks, "sh"), ofLang(blocks, "json")
	i := slices.IndexFunc(commands, func(s string) bool { return strings.HasPrefix(s, "curl ") })
	require.GreaterOrEqual(t, i, 0)
	require.Len(t, answers, 1)
	parts := regexp.MustCompile(`^curl (\S+) -H 'Authorization: (.*?)' -H 'Content-Type: (.*?)' \\\n +-d '(.*)'\n$`).FindStringSubmatch(commands[i])
	require.NotNil(t, parts, "%s", commands[i])

	// The example prints the same command, with what it knows of the server.
	source, err := os.ReadFile("examples/sandbox/main.go")
	require.NoError(t, err)
	printed := strings.NewReplacer(parts[1], "%[1]s/messages", zexatest.DefaultKey, "%[2]s", zexatest.DefaultSender, "%[3]s").Replace(commands[i])
	assert.Contains(t, string(source), printed)
	assert.Contains(t, string(source), strings.TrimSuffix(strings.TrimPrefix(parts[1], "http://"), "/v1/messages"))

	server, err := zexatest.Start()
	require.NoError(t, err)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/messages", strings.NewReader(parts[4]))
	require.NoError(t, err)
	request.Header.Set("Authorization", parts[2])
	request.Header.Set("Content-Type", parts[3])
	response, err := server.HTTPClient().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusCreated, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var got, shown map[string]any
	require.NoError(t, json.Unmarshal(body, &got))
	require.NoError(t, json.Unmarshal([]byte(answers[0]), &shown))
	got["created_at"] = shown["created_at"]
	assert.Equal(t, shown, got)
}

var (
	inCode  = regexp.MustCompile("`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	target  = regexp.MustCompile(`(?m)^([a-z]+):.*##`)
	example = regexp.MustCompile(`examples/[a-z-]+`)
)

// TestWhatTheDocumentsNameExists checks the commands and the links of all
// documents.
func TestWhatTheDocumentsNameExists(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	var targets []string
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, m[1])
	}
	documents, err := filepath.Glob("*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, document := range append(documents, more...) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "://") {
				_, err := os.Stat(filepath.Join(filepath.Dir(document), m[1]))
				assert.NoError(t, err, "%s links to it", document)
			}
		}
		for _, path := range example.FindAllString(string(text), -1) {
			assert.DirExists(t, path, "%s names it", document)
		}
		var commands []string
		for _, span := range inCode.FindAllString(string(text), -1) {
			commands = append(commands, strings.Trim(span, "`"))
		}
		for line := range strings.Lines(string(text)) {
			commands = append(commands, strings.TrimSpace(line)) // of a block
		}
		for _, command := range commands {
			checkCommand(t, document, command, targets)
		}
	}
}

// checkCommand checks what a command that starts with make or go names.
func checkCommand(t *testing.T, document, command string, targets []string) {
	words := strings.Fields(command)
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) < 2:
	case words[0] == "make" && regexp.MustCompile(`^[a-z]+$`).MatchString(words[1]) && words[1] != "help":
		if len(words) == 2 || strings.Contains(words[2], "=") {
			assert.Contains(t, targets, words[1], "%s: %s", document, command)
		}
	case words[0] == "go":
		dir := "."
		if words[1] == "-C" && len(words) > 2 {
			dir = words[2]
			assert.DirExists(t, dir, "%s: %s", document, command)
		}
		for i, word := range words {
			if strings.HasPrefix(word, "./") && !strings.Contains(word, "...") {
				assert.DirExists(t, filepath.Join(dir, word), "%s: %s", document, command)
			}
			if word == "-run" && i+1 < len(words) && words[len(words)-1] == "." {
				assert.True(t, hasTest(t, dir, words[i+1]), "%s: %s runs nothing", document, command)
			}
		}
	}
}

// hasTest reports whether a test or an example in a folder matches a pattern.
func hasTest(t *testing.T, dir, pattern string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`).FindAllStringSubmatch(string(source), -1) {
			if regexp.MustCompile(pattern).MatchString(m[1]) {
				return true
			}
		}
	}
	return false
}

func TestEverySectionOfTheGuideHasAnExample(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("guide_example_test.go")
	require.NoError(t, err)
	var want []string
	for _, part := range guide(t).Content {
		heading, ok := part.(*comment.Heading)
		if !ok {
			continue
		}
		var name string
		for i, word := range strings.Fields(string(heading.Text[0].(comment.Plain))) {
			if i > 0 {
				word = strings.ToUpper(word[:1]) + word[1:]
			} else {
				word = strings.ToLower(word)
			}
			name += word
		}
		want = append(want, name)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^func Example_(\w+)\(`).FindAllStringSubmatch(string(source), -1) {
		got = append(got, m[1])
	}
	assert.Equal(t, want, got)
	assert.Equal(t, len(got), strings.Count(string(source), "\t// Output:"), "the output of each is checked")
}

func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", errs.String())
	return out
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	t.Parallel()
	decoder := json.NewDecoder(bytes.NewReader(goTool(t, "list", "-json=ImportPath,Dir,GoFiles", "./...")))
	for decoder.More() {
		var p struct {
			ImportPath, Dir string
			GoFiles         []string
		}
		require.NoError(t, decoder.Decode(&p))
		documented := len(p.GoFiles) == 0 // a package of tests only
		fset := token.NewFileSet()
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			require.NoError(t, err)
			documented = documented || file.Doc != nil
			for _, pos := range undocumented(file) {
				t.Errorf("%s: exported without a comment", fset.Position(pos))
			}
		}
		assert.True(t, documented, "package %s has no comment", p.ImportPath)
	}
}

// undocumented returns the exported functions, methods, types, constants and
// variables of a file that have no comment. A group of constants or variables may
// have one for all, or one for each at the end of its line. The method of an error
// needs none.
func undocumented(file *ast.File) (found []token.Pos) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && d.Name.Name != "Error" && !onUnexported(d) {
				found = append(found, d.Pos())
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						found = append(found, s.Pos())
					}
				case *ast.ValueSpec:
					exported := slices.ContainsFunc(s.Names, (*ast.Ident).IsExported)
					if exported && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						found = append(found, s.Pos())
					}
				}
			}
		}
	}
	return found
}

// onUnexported reports whether a function is a method of a type that is not
// exported, such as one that satisfies an interface.
func onUnexported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if index, ok := receiver.(*ast.IndexExpr); ok {
		receiver = index.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && unicode.IsLower(rune(name.Name[0]))
}

// TestTheLayoutIsComplete checks that CONTRIBUTING.md tells of every file of
// package zexa and of every folder.
func TestTheLayoutIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	folders, err := filepath.Glob("*/")
	require.NoError(t, err)
	internal, err := filepath.Glob("internal/*/")
	require.NoError(t, err)
	for _, path := range slices.Concat(files, folders, internal) {
		if !strings.HasSuffix(path, "_test.go") && path != "internal/" {
			assert.Contains(t, string(text), "`"+path+"`")
		}
	}
}

// TestEveryMethodIsInTheTableOfCalls checks that no method of a service goes
// without the tests that hold for all calls.
func TestEveryMethodIsInTheTableOfCalls(t *testing.T) {
	t.Parallel()
	madeOfOthers := []string{"All", "DeleteMany", "Find", "Import", "SendMany", "Wait"}
	var table []string
	for _, c := range apiCalls {
		table = append(table, c.name)
	}
	client := reflect.TypeFor[zexa.Client]()
	for i := range client.NumField() {
		service := client.Field(i)
		for j := range service.Type.NumMethod() {
			if method := service.Type.Method(j).Name; service.IsExported() && !slices.Contains(madeOfOthers, method) {
				assert.Contains(t, table, service.Name+"."+method)
			}
		}
	}
}

// TestTheChangelogNamesEveryOptionAndMethod checks that it names what a program
// can call: options, the methods of services, and the functions that make things.
func TestTheChangelogNamesEveryOptionAndMethod(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CHANGELOG.md")
	require.NoError(t, err)
	for _, pattern := range []string{"*.go", "webhook/*.go", "contactcsv/*.go", "zexatest/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, m := range callable.FindAllStringSubmatch(string(source), -1) {
				assert.Contains(t, string(text), "`"+m[1]+m[2]+"`", "%s has it", name)
			}
		}
	}
}

var callable = regexp.MustCompile(`(?m)^func (?:\(s \*\w+Service\) ([A-Z]\w*)|((?:With|Call|On|New)\w*))\(`)

func TestTheModuleRequiresNothingMore(t *testing.T) {
	t.Parallel()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []struct{}
	}
	require.NoError(t, json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	assert.ElementsMatch(t, []string{
		"github.com/google/go-querystring",
		"github.com/hashicorp/go-retryablehttp",
		"github.com/jarcoal/httpmock",
		"github.com/stretchr/testify",
	}, direct, "whatever needs more lives in a module of its own")
	assert.Empty(t, mod.Replace)
}
