"""A TCP proxy whose connections can be cut, hung and slowed: a process of its own.

    proxy.py NAME:LISTEN:TARGET …

listens on loopback ports and obeys lines on standard input, each answered by "ok":

    cut NAME             ends its connections and refuses new ones
    hang NAME            keeps its connections, but nothing passes
    delay NAME MS        what passes comes so much later, each way
    heal NAME            all passes again
    target NAME PORT     new connections go there; old ones are ended
    commits NAME WHEN N  of the next N COMMITs the connection is cut: `before` the server
                         has it, or `after`, when its answer is there
    count NAME           how many of those were cut: "ok N"
"""
import asyncio
import os
import sys

# A COMMIT is a prepared statement of this name: so its Bind message holds it.
COMMIT = b"\0commit\0"


class Gate:
    """One listening port and what happens to its connections."""

    def __init__(self, name, listen, target):
        self.name, self.listen, self.target = name, listen, target
        self.writers = set()
        self.is_cut, self.delay = False, 0.0
        self.passes = asyncio.Event()
        self.passes.set()
        self.when, self.left, self.done = None, 0, 0

    async def open(self):
        await asyncio.start_server(self.accept, "127.0.0.1", self.listen, limit=1 << 20)

    def end(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def accept(self, reader, writer):
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 20)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, writer, back)
        self.writers |= {writer, back}
        await asyncio.gather(link.forth(reader), link.back(there))
        self.writers -= {writer, back}


class Link:
    def __init__(self, gate, client, server):
        self.gate, self.client, self.server = gate, client, server
        self.waits_for_answer = False

    def abort(self):
        self.gate.done += 1
        self.client.transport.abort()
        self.server.transport.abort()

    def commits(self, data):
        """Whether this chunk's COMMIT is one to cut."""
        if self.gate.left == 0 or COMMIT not in data:
            return False
        self.gate.left -= 1
        return True

    async def forth(self, reader):
        await self.copy(reader, self.server, self.to_server)

    async def back(self, reader):
        await self.copy(reader, self.client, self.to_client)

    def to_server(self, data):
        if self.commits(data):
            if self.gate.when == "before":
                self.abort()
                return False
            self.waits_for_answer = True
        return True

    def to_client(self, data):
        # The answer of a pipeline comes in pieces; its last one ends with ReadyForQuery.
        if self.waits_for_answer and data[-6:-1] == b"Z\0\0\0\5":
            self.abort()
            return False
        return not self.waits_for_answer

    async def copy(self, reader, writer, allows):
        try:
            while data := await reader.read(1 << 16):
                await self.gate.passes.wait()
                if self.gate.delay:
                    await asyncio.sleep(self.gate.delay)
                if allows(data):
                    writer.write(data)
                    await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            if not self.gate.passes.is_set():
                await self.gate.passes.wait()
            writer.close()


def obey(gates, words):
    verb, gate = words[0], gates[words[1]]
    if verb == "cut":
        gate.is_cut = True
        gate.passes.set()
        gate.end()
    elif verb == "hang":
        gate.passes.clear()
    elif verb == "delay":
        gate.delay = int(words[2]) / 1000
    elif verb == "heal":
        gate.is_cut, gate.delay, gate.left = False, 0.0, 0
        gate.passes.set()
    elif verb == "target":
        gate.target = int(words[2])
        gate.end()
    elif verb == "commits":
        gate.when, gate.left, gate.done = words[2], int(words[3]), 0
    elif verb == "count":
        return "ok %d" % gate.done
    else:
        raise ValueError(verb)
    return "ok"


async def main(words):
    gates = {}
    for word in words:
        name, listen, target = word.split(":")
        gates[name] = Gate(name, int(listen), int(target))
        await gates[name].open()
    print("ok", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = obey(gates, line.split())
        except (KeyError, ValueError, IndexError) as error:
            answer = "error %r" % error
        print(answer, flush=True)
    for gate in gates.values():
        gate.end()
    # Tasks that still wait have nobody to answer to.
    os._exit(0)


if len(sys.argv) < 2:
    sys.exit(__doc__)
asyncio.run(main(sys.argv[1:]))
