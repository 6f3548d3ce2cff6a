# Small programs that the command line tests and the fault lane use. See the head of each source.
include_guard(GLOBAL)

function(test_helper name)
  add_executable(${name} ${CMAKE_SOURCE_DIR}/tests/lib/${name}.c)
  target_link_libraries(${name} PRIVATE ${ARGN} warnings hardening)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

test_helper(kms_tool kms_floor)
test_helper(http_tool net_floor)
test_helper(kms_batch kms_floor)
test_helper(hold_lock sys_floor)
test_helper(killat)
test_helper(scan)
test_helper(powercut)

# What every test that runs the program gets.
set(test_environment
  KEYMUSTER=$<TARGET_FILE:keymuster>
  KM_TOOLS=${CMAKE_BINARY_DIR}/tests
  KM_SOURCE=${CMAKE_SOURCE_DIR})
