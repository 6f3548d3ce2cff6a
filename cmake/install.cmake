# What `cmake --install` puts where. docs/man/CMakeLists.txt has the manual pages.
install(TARGETS keymuster RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# For people: the runbooks and scripts that every copy has, too, and the documents.
install(DIRECTORY recovery/runbooks recovery/powershell DESTINATION ${CMAKE_INSTALL_DATADIR}/keymuster)
install(PROGRAMS recovery/recover-without-keymuster.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/keymuster)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/explanation docs/reference examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
  PATTERN "*.jq" EXCLUDE)
