# SPDX-License-Identifier: GPL-2.0-or-later
# One binary, and what its streams are described by; its manual page and completions are written by itself, from the rows of its options.
include(GNUInstallDirs)
set(GENERATED ${CMAKE_BINARY_DIR}/share)
file(MAKE_DIRECTORY ${GENERATED})
set(DOCUMENTS "")
function(penstock_writes file)
  add_custom_command(OUTPUT ${GENERATED}/${file}
    COMMAND penstock ${ARGN} > ${GENERATED}/${file}
    DEPENDS penstock COMMENT "${file}" VERBATIM)
  set(DOCUMENTS ${DOCUMENTS} ${GENERATED}/${file} PARENT_SCOPE)
endfunction()
penstock_writes(penstock.1 help --man)
penstock_writes(penstock.bash completion bash)
penstock_writes(_penstock completion zsh)
penstock_writes(penstock.fish completion fish)
add_custom_target(documents ALL DEPENDS ${DOCUMENTS})

install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${GENERATED}/penstock.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${GENERATED}/penstock.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME penstock)
install(FILES ${GENERATED}/_penstock DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${GENERATED}/penstock.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
# For collectors that read protobuf: the schema, and its description of itself (a FileDescriptorSet).
install(FILES ${CMAKE_SOURCE_DIR}/proto/event.proto ${CMAKE_BINARY_DIR}/proto/event.desc
  DESTINATION ${CMAKE_INSTALL_DATADIR}/penstock)
