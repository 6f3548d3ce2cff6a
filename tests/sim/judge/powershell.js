/*
 * Says what a parser of PowerShell does not understand in a file; it knows the grammar, not what the words do.
 *
 *   powershell.js FILE     exit 0: all of it parses; 1: FILE:LINE:COLUMN of what does not
 */
'use strict';
const path = require('path');
const fs = require('fs');
const modules = process.env.JUDGE_MODULES;
const { createRequire } = require('module');
const { Parser, Language } = createRequire(path.join(modules, 'x'))('web-tree-sitter');

async function main(file) {
    await Parser.init();
    const grammar = path.join(modules, 'tree-sitter-powershell', 'tree-sitter-powershell.wasm');
    const parser = new Parser();
    parser.setLanguage(await Language.load(grammar));
    const faults = [];
    const walk = (node) => {
        if (node.isError || node.isMissing)
            faults.push(`${file}:${node.startPosition.row + 1}:${node.startPosition.column + 1}`);
        else node.children.forEach(walk);
    };
    walk(parser.parse(fs.readFileSync(file, 'utf8')).rootNode);
    faults.forEach((fault) => console.log(fault));
    process.exit(faults.length === 0 ? 0 : 1);
}
main(process.argv[2]);
