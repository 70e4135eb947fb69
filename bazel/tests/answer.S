#if defined(__x86_64__) || defined(__aarch64__)
    .text
    .globl answer
    .hidden answer
    .type answer, %function
answer:
    .cfi_startproc
#if defined(__x86_64__)
    movl $42, %eax
#else
    mov w0, #42
#endif
    ret
    .cfi_endproc
    .size answer, . - answer
#endif
    .section .note.GNU-stack, "", %progbits
