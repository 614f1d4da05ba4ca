// Clocks the accelerator until it is done; every file and number comes with plusargs.
#include "Vaccelerator.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

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
#if VM_COVERAGE
    const std::string file = context.commandArgsPlusMatch("coverage=");  // "+coverage=path"
    if (!file.empty()) context.coveragep()->write(file.substr(sizeof("+coverage=") - 1).c_str());
#endif
}
