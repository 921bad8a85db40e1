// reference.mjs PACKAGE-DIRECTORY: expr_bench's protocol, spoken by the reference
// implementation: {expr, data, count} a line in, {ns, result} a line out.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const jsonata = createRequire(process.argv[2] + "/")("jsonata");

for await (const line of createInterface({ input: process.stdin })) {
    const { expr, data, count } = JSON.parse(line);
    const program = jsonata(expr);
    let result;
    const from = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
        result = await program.evaluate(data);
    }
    const ns = Number(process.hrtime.bigint() - from) / count;
    process.stdout.write(JSON.stringify({ ns, result }) + "\n");
}
