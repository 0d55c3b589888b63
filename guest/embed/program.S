/* bothy-init itself, as the build made it. */
  .section .rodata
  .global bothy_guest_init_begin
  .global bothy_guest_init_end
  .balign 16
bothy_guest_init_begin:
  .incbin BOTHY_GUEST_INIT
bothy_guest_init_end:
  .section .note.GNU-stack, "", @progbits
