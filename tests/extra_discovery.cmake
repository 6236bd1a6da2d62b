# SPDX-License-Identifier: GPL-2.0-or-later
# The tests of discovery have a kernel program of their own, and a fixture.
set(source ${CMAKE_CURRENT_SOURCE_DIR}/probes/discovery_test.bpf.c)
set(object ${CMAKE_BINARY_DIR}/tests/probes/discovery_test.bpf.o)
set(skeleton ${CMAKE_BINARY_DIR}/tests/probes/discovery_test.skel.h)
add_custom_command(OUTPUT ${skeleton}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/tests/probes
  COMMAND ${CLANG} -target bpf -mcpu=v3 -g -O2 -std=gnu11 -Wall -Werror -I${CMAKE_SOURCE_DIR}
          -idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE} -c ${source} -o ${object}
  COMMAND ${BPFTOOL} gen skeleton ${object} name discovery_test > ${skeleton}
  DEPENDS ${source} ${CMAKE_CURRENT_SOURCE_DIR}/probes/discovery_test.h
  COMMENT "BPF discovery_test" VERBATIM)
add_library(discovery_fixture STATIC ${CMAKE_CURRENT_SOURCE_DIR}/probes/fixture.c ${skeleton})
target_link_libraries(discovery_fixture PUBLIC test_support)
foreach(test attach discovery discovery_process)
  target_link_libraries(probes_test_${test} PRIVATE discovery_fixture)
endforeach()

# test_load has our own kernel programs as they are on kernels without bpf_loop.
set(objects "")
foreach(source ${KERN_SOURCES})
  get_filename_component(name ${source} NAME_WE)
  set(object ${CMAKE_BINARY_DIR}/tests/kern/${name}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/tests/kern
    COMMAND ${CLANG} -target bpf -mcpu=v3 -g -O2 -std=gnu11 -DCOMPAT_PLAIN -D__TARGET_ARCH_${BPF_ARCH} -I${CMAKE_SOURCE_DIR}
            -idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE} -Wno-missing-declarations -c ${source} -o ${object}
    COMMAND ${LLVM_STRIP} -g ${object}
    DEPENDS ${source} ${KERN_HEADERS}
    COMMENT "BPF ${name}, without bpf_loop" VERBATIM)
  list(APPEND objects ${object})
endforeach()
add_custom_target(plain_objects DEPENDS ${objects})
add_dependencies(probes_test_load plain_objects)
target_compile_definitions(probes_test_load PRIVATE PLAIN_OBJECTS="${CMAKE_BINARY_DIR}/tests/kern")
