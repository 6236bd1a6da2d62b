# SPDX-License-Identifier: GPL-2.0-or-later
# All that is tested besides the unit tests: registered here, so that one ctest run is the whole summary.
# Labels: lint, unit, alloc, sanitize, fuzz, replay, live, guide.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(register name label)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 300
    ENVIRONMENT "BUILD=${CMAKE_BINARY_DIR};PENSTOCK=$<TARGET_FILE:penstock>")
endfunction()

foreach(check tree spdx sizes banned includes names symbols core format tidy shell)
  set(arguments "")
  if(check MATCHES "symbols|core|tidy")
    set(arguments ${CMAKE_BINARY_DIR})
  endif()
  register(lint/${check} lint ${Python3_EXECUTABLE} tests/lint/lint.py ${check} ${arguments})
endforeach()

# Each unit test once more for each allocation that it makes, that one failing.
add_library(alloc_preload MODULE alloc/preload.c)
target_link_libraries(alloc_preload PRIVATE ${CMAKE_DL_LIBS})
get_property(tests DIRECTORY PROPERTY TESTS)
list(FILTER tests EXCLUDE REGEX "^lint/")
list(FILTER tests EXCLUDE REGEX "^sinks/(rotate|spool)_kill$") # thousands of processes that are killed; sinks/rotate and spool have the allocations
list(FILTER tests EXCLUDE REGEX "^sinks/kafka$") # sinks/kafka_conf has the allocations; librdkafka's own are never missing
if(NOT SANITIZE)
  foreach(test ${tests})
    string(REGEX REPLACE "^(.*)/(.*)$" "\\1_test_\\2" target ${test})
    register(alloc/${test} alloc ${Python3_EXECUTABLE} tests/alloc/fail_each.py
      $<TARGET_FILE:alloc_preload> $<TARGET_FILE:${target}>)
  endforeach()
endif()

# Fuzz targets: libFuzzer's with FUZZ=ON, else programs that run the corpus through them.
add_custom_target(fuzzers)
file(GLOB targets CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(source ${targets})
  get_filename_component(target ${source} NAME_WE)
  string(REPLACE "fuzz_" "" name ${target})
  if(FUZZ)
    add_executable(${target} ${source})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${target} ${source} fuzz/replay_main.c)
    register(fuzz/${name} fuzz ${target} samples/fuzz/${name})
  endif()
  add_dependencies(fuzzers ${target})
  target_link_libraries(${target} PRIVATE penstock_cli)
  if(TARGET test_support)
    target_link_libraries(${target} PRIVATE test_support)
  endif()
endforeach()

# The kernel's own code, compiled for this machine: its packets lie at any address.
target_include_directories(fuzz_hello BEFORE PRIVATE fuzz/host)
target_include_directories(kern_test_flow BEFORE PRIVATE fuzz/host)
target_compile_options(fuzz_hello PRIVATE -fno-sanitize=alignment -fno-strict-aliasing -Wno-pointer-arith)

# The core and nothing else: whatever it calls must be in it, in base, or in the C library.
add_executable(core_alone lint/core_alone.c)
target_link_libraries(core_alone PRIVATE -Wl,--whole-archive penstock_core penstock_base -Wl,--no-whole-archive)

add_executable(make_raw replay/make_raw.c replay/make_raw_sql.c)
add_executable(bench_memcpy bench/memcpy.c)
if(RDKAFKA_FOUND)
  add_executable(kafka_mock sinks/kafka_mock.c)
  target_link_libraries(kafka_mock PRIVATE PkgConfig::RDKAFKA)
endif()
add_executable(bench_encoders bench/bench_encoders.c)
target_link_libraries(bench_encoders PRIVATE penstock_cli test_support)
add_executable(bench_sql bench/bench_sql.c)
target_link_libraries(bench_sql PRIVATE penstock_core penstock_base)
add_executable(stream_peer bench/stream_peer.c)
target_link_libraries(stream_peer PRIVATE penstock_cli)
add_executable(bench_spool bench/bench_spool.c)
target_link_libraries(bench_spool PRIVATE penstock_cli test_support)
file(GLOB recordings CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/samples/raw/*.raw)
foreach(recording ${recordings})
  get_filename_component(name ${recording} NAME_WE)
  register(replay/${name} replay tests/replay/golden.sh ${recording})
endforeach()
if(SANITIZE)
  return()
endif()

file(GLOB scripts RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS
  replay/test_*.sh live/*.sh guide/*.sh)
foreach(script ${scripts})
  get_filename_component(folder ${script} DIRECTORY)
  get_filename_component(name ${script} NAME_WE)
  string(REGEX REPLACE "^test_" "" name ${name})
  register(${folder}/${name} ${folder} tests/${script})
  if(NOT folder STREQUAL "replay") # they record what happens on the machine: nothing else should
    set_tests_properties(${folder}/${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endforeach()
foreach(kind address thread fuzzer)
  register(sanitize/${kind} sanitize tests/support/sanitize.sh ${kind})
  # the longest first: at the end they would run alone
  set_tests_properties(sanitize/${kind} PROPERTIES TIMEOUT 900 RESOURCE_LOCK build COST 1000)
endforeach()
