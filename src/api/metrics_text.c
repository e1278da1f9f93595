#include "metrics_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>

static const char *const type_names[] = {
        [RV_METRIC_COUNTER] = "counter",
        [RV_METRIC_GAUGE] = "gauge",
        [RV_METRIC_HISTOGRAM] = "histogram",
};

static void escape(FILE *f, const char *text, bool quotes_too) {
        for (const char *c = text; *c; c++)
                if (*c == '\n')
                        fputs("\\n", f);
                else if (*c == '\\' || (*c == '"' && quotes_too))
                        fprintf(f, "\\%c", *c);
                else
                        fputc(*c, f);
}

static void put_value(FILE *f, double value) {
        if (isnan(value))
                fputs(" NaN\n", f);
        else if (isinf(value))
                fputs(value > 0 ? " +Inf\n" : " -Inf\n", f);
        else
                fprintf(f, " %.17g\n", value);
}

void rv_metric_family(FILE *f, const char *name, enum rv_metric_type type, const char *help) {
        fprintf(f, "# HELP %s ", name);
        escape(f, help, false);
        fprintf(f, "\n# TYPE %s %s\n", name, type_names[type]);
}

void rv_metric(FILE *f, const char *name, double value, ...) {
        const char *label;
        char separator = '{';
        va_list ap;

        fputs(name, f);
        va_start(ap, value);
        while ((label = va_arg(ap, const char *))) {
                const char *text = va_arg(ap, const char *);
                if (!text)
                        continue;
                fprintf(f, "%c%s=\"", separator, label);
                escape(f, text, true);
                fputc('"', f);
                separator = ',';
        }
        va_end(ap);
        if (separator == ',')
                fputc('}', f);
        put_value(f, value);
}

void rv_metric_single(FILE *f, const char *name, enum rv_metric_type type, const char *help, double value) {
        rv_metric_family(f, name, type, help);
        rv_metric(f, name, value, NULL);
}
