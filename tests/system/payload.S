# Guests of a few integer instructions, which also run where KVM emulates its guests: they print "hi" on the serial port, write the
# boot marker, and power off, reset (-DRESET) or halt for good (-DIDLE). Entered through PVH, in 32-bit protected mode.
	.code32
	.text
	.globl _start
_start:
	movw $0x3f8, %dx
	movb $'h', %al
	outb %al, %dx
	movb $'i', %al
	outb %al, %dx
	movb $10, %al
	outb %al, %dx
	movw $0x3f0, %dx
	movb $0x7b, %al
	outb %al, %dx
#if defined(RESET)
	movw $0x602, %dx
	movb $1, %al
	outb %al, %dx
#elif !defined(IDLE)
	movw $0x600, %dx
	movb $0x34, %al
	outb %al, %dx
#endif
	cli
halt:
	hlt
	jmp halt

# XEN_ELFNOTE_PHYS32_ENTRY (Linux, include/xen/interface/elfnote.h)
	.section .note.Xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long _start
