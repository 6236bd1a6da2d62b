# SPDX-License-Identifier: GPL-2.0-or-later
# probes/test_discovery has a kernel program of its own.
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
target_sources(probes_test_discovery PRIVATE ${skeleton})
