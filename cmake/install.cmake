# What `cmake --install` puts where. docs/man/CMakeLists.txt has the manual pages.
install(TARGETS keymuster RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# What `keymuster completion` prints, too.
set(KM_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "where zsh looks for completions; Debian: share/zsh/vendor-completions")
install(FILES src/cli/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME keymuster)
install(FILES src/cli/completion.zsh DESTINATION ${KM_ZSH_DIR} RENAME _keymuster)
install(FILES src/cli/completion.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME keymuster.fish)

# For people: the runbooks and scripts that every copy has, too, and the documents.
install(DIRECTORY recovery/runbooks recovery/powershell DESTINATION ${CMAKE_INSTALL_DATADIR}/keymuster)
install(PROGRAMS recovery/recover-without-keymuster.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/keymuster)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/tutorial docs/how-to docs/explanation docs/reference examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
  PATTERN "*.jq" EXCLUDE)
