-- biaslint in Neovim: put this file into `~/.config/nvim/plugin/`. Works without plugins, with Neovim 0.7 and newer.
-- Set `vim.g.biaslint_cmd` before, if the server is not on the PATH: { "/path/to/.venv/bin/biaslint", "lsp" }

local marks = { "biaslint.toml", "pyproject.toml", "setup.py", ".git" }

local function root_of(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  local above = folder
  while true do
    for _, mark in ipairs(marks) do
      if vim.fn.empty(vim.fn.glob(above .. "/" .. mark)) == 0 then
        return above
      end
    end
    local parent = vim.fn.fnamemodify(above, ":h")
    if parent == above then
      return folder
    end
    above = parent
  end
end

local clients = {} -- one for each project

local function start(buffer)
  local root = root_of(vim.api.nvim_buf_get_name(buffer))
  local id = clients[root]
  if id == nil or vim.lsp.get_client_by_id(id) == nil then
    id = vim.lsp.start_client({
      name = "biaslint",
      cmd = vim.g.biaslint_cmd or { "biaslint", "lsp" },
      root_dir = root,
      init_options = vim.g.biaslint_settings or vim.empty_dict(), -- for example { inlayHints = true }
    })
    clients[root] = id
  end
  if id ~= nil then
    vim.lsp.buf_attach_client(buffer, id)
  end
end

vim.api.nvim_create_autocmd("FileType", {
  pattern = "python",
  callback = function(event)
    start(event.buf)
  end,
})
