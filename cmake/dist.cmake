# The target `dist`: keymuster-VERSION.tar.xz in the build folder, of the newest commit (or of KM_DIST in the environment), the same bytes each time.
find_program(GIT git)
if(GIT AND EXISTS ${CMAKE_SOURCE_DIR}/.git)
  add_custom_target(dist
    COMMAND sh -c "exec \"$0\" -c tar.tar.xz.command='xz -T1' -C \"$1\" archive --format=tar.xz --prefix=\"$2/\" -o \"$3/$2.tar.xz\" \"\${KM_DIST:-HEAD}\""
      ${GIT} ${CMAKE_SOURCE_DIR} ${PROJECT_NAME}-${PROJECT_VERSION} ${CMAKE_BINARY_DIR}
    COMMENT "source tarball" VERBATIM)
endif()
