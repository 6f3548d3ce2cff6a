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
test_helper(log_tool escrow_floor)
test_helper(killat)
test_helper(scan)
test_helper(free_port)
test_helper(measure)
test_helper(powercut)
test_helper(memdump)
test_helper(swapper)
test_helper(relay)

# keymuster with a deliberate fault (src/base/plant.h), to prove that a test catches it: the sources that have it are
# compiled once more, and their objects go before the libraries that hold the sound ones. tests/plant-NAME. With the sanitizers
# a test that wants one has to name it to the build.
function(planted name)
  list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/ OUTPUT_VARIABLE sources)
  add_executable(plant-${name} ${CMAKE_SOURCE_DIR}/src/cli/main.c ${sources})
  target_compile_definitions(plant-${name} PRIVATE PLANT="${name}")
  target_include_directories(plant-${name} PRIVATE ${CURL_INCLUDE_DIRS})
  target_link_libraries(plant-${name} PRIVATE cli_floor warnings hardening)
  set_target_properties(plant-${name} PROPERTIES EXCLUDE_FROM_ALL ${KM_SANITIZE})
  if(NOT "src/sys/wipe.c" IN_LIST ARGN)
    target_link_libraries(plant-${name} PRIVATE wipe_object)
  endif()
  set_target_properties(plant-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# What every test that runs the program gets.
set(test_environment
  KEYMUSTER=$<TARGET_FILE:keymuster>
  KM_TOOLS=${CMAKE_BINARY_DIR}/tests
  KM_SOURCE=${CMAKE_SOURCE_DIR})

# keymuster again, of the same objects, and beside them a recorder of the JSON messages that it writes (record.c): recorded_test adds
# a test that runs this one, begins with no records, and leaves them in records/NAME for cli/schemas, which comes after all of them.
add_executable(recorded $<TARGET_OBJECTS:keymuster> ${CMAKE_SOURCE_DIR}/tests/lib/record.c)
target_link_libraries(recorded PRIVATE cli_floor wipe_object warnings hardening)
target_link_options(recorded PRIVATE -Wl,--wrap=write)
set_target_properties(recorded PROPERTIES OUTPUT_NAME keymuster RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/recorded)

function(recorded_test name)
  string(REPLACE / _ folder ${name})
  set(folder ${CMAKE_BINARY_DIR}/records/${folder})
  set(environment ${test_environment})
  list(FILTER environment EXCLUDE REGEX ^KEYMUSTER=)
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/lib/recorded.sh ${folder} ${ARGN})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${environment};KEYMUSTER=$<TARGET_FILE:recorded>;KM_RECORD=${folder}")
  set_property(GLOBAL APPEND PROPERTY recorded_tests ${name})
endfunction()
