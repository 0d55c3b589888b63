/* The bothy-init program. */
  .section .rodata
  .global kBothyGuestInitBegin
  .global kBothyGuestInitEnd
  .balign 16
kBothyGuestInitBegin:
  .incbin BOTHY_GUEST_INIT
kBothyGuestInitEnd:
  .section .note.GNU-stack, "", @progbits
