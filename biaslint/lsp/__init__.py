"""The language server: `biaslint lsp`. It decides nothing that the engine does not; needs the extra `lsp` (pygls).

documents     the editor's unsaved texts, notebooks included, and positions in the encoding that was agreed on
settings      what the editor's settings say, and the project's own configuration
diagnostics   findings -> diagnostics
actions       findings -> quick fixes
pages         hover and inlay hints
server        when to lint what
features      what the protocol asks for, and the functions that answer it
"""
