// Every accumulator of every line of standard input through a requantiser and through the C99 reference:
// lowest and highest accumulator, real scale, factor, shift, zero-point, lowest and highest code.
#include "Vunit.h"
#include "verilated.h"
extern "C" {
#include "edgeint8.h"
}
#include <cstdio>
#include <cstdlib>

static const int STAGES = 3;

int main(int, char** argv) {
    const e8_scheme scheme = static_cast<e8_scheme>(std::atoi(argv[1]));
    VerilatedContext context;
    Vunit unit(&context);
    unit.clk = 0;
    unit.eval();
    long long from, to, words = 0, differing = 0;
    double scale;
    int factor, shift;
    e8_range codes;
    while (std::scanf("%lld %lld %la %d %d %d %d %d", &from, &to, &scale, &factor, &shift,
                      &codes.zero_point, &codes.low, &codes.high) == 8) {
        unit.zero = codes.zero_point & 0x3ff;
        unit.low = codes.low & 0x3ff;
        unit.high = codes.high & 0x3ff;
#ifdef FLOAT_SCALE
        unit.scale = factor;
#else
        unit.multiplier = factor;
        unit.shift = shift;
#endif
        for (long long acc = from; acc < to + STAGES; acc++) {
            unit.acc = static_cast<unsigned>(static_cast<int>(acc));
            unit.clk = 1;
            unit.eval();
            unit.clk = 0;
            unit.eval();
            const long long done = acc - (STAGES - 1);  // what comes out now
            if (done < from || done > to) continue;
            words++;
            if ((e8_requantize(done, scale, scheme, codes) & 0xff) != unit.code && !differing++)
                std::printf("first: acc %lld, got %d\n", done, unit.code);
        }
    }
    std::printf("%lld words, %lld mismatches\n", words, differing);
}
