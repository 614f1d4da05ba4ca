// Clocks the accelerator until it is done; every file and number comes with plusargs.
#include "Vaccelerator.h"
#include "verilated.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vaccelerator top(&context);
    top.clk = 0;
    top.eval();
    while (!top.done) {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    top.final();
}
