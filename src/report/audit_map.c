/*
 * What the report gives evidence for, by framework. Sections are named where their text is public
 * or was read; for NIST SP 800-57 and the trust services criteria only the document or the
 * criterion. Never a claim of compliance: that is the auditor's word.
 */
#include "report/audit.h"

static const struct {
    const char *framework, *place, *asks, *here;
} map[] = {
    {"PCI DSS 4.0.1", "3.6.1.1", "Description of the architecture: keys, strength, expiry, use",
     "Register; Age against cryptoperiod"},
    {"PCI DSS 4.0.1", "3.6.1.2", "Keys stored wrapped by a key of at least their strength",
     "Wraps by root key; Register"},
    {"PCI DSS 4.0.1", "3.6.1.3", "Few people with access to keys in clear text",
     "Showings; Open duties"},
    {"PCI DSS 4.0.1", "3.6.1.4", "Keys kept in the fewest places", "Copies; Sites"},
    {"PCI DSS 4.0.1", "3.7.1, 3.7.4, 3.7.5",
     "Generation, end of cryptoperiod, retirement and replacement",
     "Inventory by state; Age against cryptoperiod; Changes; Open duties"},
    {"PCI DSS 4.0.1", "12.3.3", "Inventory of cryptography in use, reviewed every 12 months",
     "Register; Sign-off"},
    {"DORA, RTS (EU) 2024/1774", "Art. 6", "Policy on encryption and cryptographic controls",
     "Policy; Inventory by state; Wraps by root key"},
    {"DORA, RTS (EU) 2024/1774", "Art. 7",
     "Key management through the whole lifecycle; methods to replace lost keys",
     "Changes; Drills; Findings; Open duties"},
    {"NIS2, Regulation (EU) 2024/2690", "9.1, 9.2",
     "Policy and procedures for keys: generating, storing, backing up, recovering, revoking, "
     "logging",
     "Register; Copies; Drills; Showings; How to check this report"},
    {"ISO/IEC 27001:2022", "A.8.24", "Rules for the use of cryptography, with key management",
     "Policy; Inventory by state; Age against cryptoperiod"},
    {"ISO/IEC 27001:2022", "A.8.13, A.5.30", "Backups and readiness for continuity, tested",
     "Copies; Drills"},
    {"SOC 2 (trust services criteria)", "CC6.1", "Logical access: protection of keys",
     "Showings; Wraps by root key; Open duties"},
    {"SOC 2 (trust services criteria)", "A1.2, A1.3", "Recovery is planned and tested",
     "Copies; Drills; Findings"},
    {"NIST SP 800-57 Part 1 Rev. 5", "the document", "States, transitions, inventory of keys",
     "Inventory by state; Changes; Register"},
};
enum { ROWS = sizeof map / sizeof map[0] };

void
audit_map_page(struct sheet *s)
{
    static const char *const titles[] = {"EVIDENCE FOR", "WHERE", "WHAT IS ASKED", "SECTIONS HERE",
                                         NULL};
    sheet_section(s, "mapping", "Control mapping");
    sheet_par(s,
              "What this report is evidence for. It shows facts from a signed log; whether a "
              "requirement is met is for the reader to judge.",
              SHEET_PLAIN);
    sheet_wide(s, "Frameworks, what they ask, and where it is here", titles);
    for (size_t i = 0; i < ROWS; i++) {
        const char *cells[] = {map[i].framework, map[i].place, map[i].asks, map[i].here};
        sheet_row(s, cells, SHEET_PLAIN);
    }
    sheet_table_end(s);
}

void
audit_map_json(struct jw *w)
{
    jw_arr(w, "evidence_for");
    for (size_t i = 0; i < ROWS; i++) {
        jw_obj(w, NULL);
        jw_str(w, "framework", map[i].framework);
        jw_str(w, "where", map[i].place);
        jw_str(w, "asks", map[i].asks);
        jw_str(w, "sections", map[i].here);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}
